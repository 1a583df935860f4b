//! One suite for every device that needs no GPU.

mod suite;

use talea_gpu::Cpu;

#[test]
fn the_cpu_agrees() {
    suite::suite(&Cpu);
}

#[cfg(feature = "host-kernels")]
mod host {
    use std::sync::Arc;

    use ark_bn254::{Fr, G1Affine, G1Projective};
    use ark_ff::{AdditiveGroup, Field};
    use talea_gpu::{Device, HostKernels, Ints, kernels::Tuning};

    use super::suite::{columns, fields, plain_sum, points, suite};

    fn host(width: usize, budget: usize) -> HostKernels {
        HostKernels::on_host(Tuning { width, budget, small: 0 })
    }

    /// Sums of many and of few threads, and hardly any memory, so that all is done in parts.
    #[test]
    fn kernels_on_the_host_agree() {
        for (width, budget) in [(1 << 17, 1 << 30), (8, 1 << 30), (300, 1 << 10), (1, 1)] {
            let device = host(width, budget);
            suite(&device);
            // the CPU did not do it instead
            assert_eq!(device.trouble(), None);
        }
    }

    /// Columns of all kinds at once, at places of their own: the same as one by one, held or not.
    #[test]
    fn many_columns_at_once() {
        let bases = points(400);
        let ints: Arc<Vec<Ints>> = Arc::new([70, 1, 0, 130].into_iter().flat_map(columns).collect());
        let all: Vec<(usize, &Ints)> = ints.iter().enumerate().map(|(i, c)| (9 * i, c)).collect();
        let plain: Vec<G1Projective> = all.iter().map(|(at, c)| plain_sum(&bases[*at..], &c.fields())).collect();
        for budget in [1 << 30, 1 << 20, 1 << 14] {
            let device = host(1 << 10, budget);
            assert_eq!(device.commit(&bases, &all), plain, "{budget} bytes");
            let held = device.hold(&ints);
            assert_eq!(device.commit(&bases, &all), plain, "{budget} bytes");
            drop(held);
            assert_eq!(device.trouble(), None);
        }
    }

    /// Columns that are held are not copied again, as long as they are held, and are those that lie there.
    #[test]
    fn held_columns_are_used_in_their_place() {
        let device = host(1 << 10, 1 << 20);
        let (ints, r) = (Arc::new(columns(1 << 10)), fields(40)[33]);
        let bytes: usize = ints.iter().map(|c| if let Ints::U8(_) = c { c.len() } else { 0 }).sum();
        let other = columns(1 << 10).into_iter().map(|c| Ints::I64((0..c.len()).rev().map(|i| i as i64).collect()));
        let other: Vec<Ints> = other.collect();
        let fold = |c: &Ints| {
            let before = device.copied()[0];
            let folded = device.fold_ints(c, &r);
            let plain: Vec<Fr> = c.fields().chunks(2).map(|v| v[0] + r * (v[1] - v[0])).collect();
            assert_eq!(device.read(&folded, 0..plain.len()), plain);
            device.copied()[0] - before
        };
        assert_eq!(fold(&ints[0]), bytes as u64);
        let held = device.hold(&ints);
        ints.iter().for_each(|c| assert_eq!(fold(c), 0));
        other.iter().for_each(|c| assert_eq!(fold(c), 8 * c.len() as u64));
        drop(held);
        assert_eq!(fold(&ints[0]), bytes as u64);
        assert_eq!(device.trouble(), None);
    }

    /// From one step to the next nothing is copied but challenges, sums and what is small.
    #[test]
    fn vectors_stay_where_they_are() {
        let device = HostKernels::on_host(Tuning { width: 1 << 8, budget: 1 << 24, small: 1 << 6 });
        let (n, r) = (1usize << 14, fields(40)[33]);
        let mut v = device.vector(fields(n));
        assert_eq!(device.copied(), [32 * n as u64, 0]);
        while device.len(&v) > 1 {
            device.fold(&mut v, &r);
        }
        // the first that is small comes back
        assert_eq!(device.copied(), [32 * n as u64, 32 * 32]);
        let room = HostKernels::on_host(Tuning { width: 1 << 8, budget: 1 << 24, small: 1 << 6 });
        // half a million values are the budget; a quarter is left to work with
        let all: Vec<_> = (0..40).map(|_| room.zeros(n)).collect();
        let there = (12 << 20) / (32 * (n + 4));
        assert_eq!(room.copied(), [0, 0]);
        all.iter().for_each(|v| assert_eq!(room.read(v, 5..6), [Fr::ZERO]));
        assert_eq!(room.copied()[1], 32 * there as u64);
    }

    #[test]
    fn what_rates_are_measured_with() {
        let device = host(64, 1 << 20);
        for (n, count) in [(0, 3), (7, 0), (100, 5)] {
            let plain: Vec<Fr> = fields(n).iter().map(|v| (0..count).fold(*v, |v, _| v.square())).collect();
            assert_eq!(device.squarings(&fields(n), count).unwrap(), plain);
        }
        let rates = device.rates(1 << 6).unwrap();
        assert!([rates.copy, rates.products, rates.transfer[0], rates.transfer[1]].iter().all(|r| *r > 0.0));
    }

    /// Points that are kept are those that lie there, and no others that look alike.
    #[test]
    fn kept_points_are_used_in_their_place() {
        let device = host(1 << 10, 1 << 20);
        let (bases, scalars) = (Arc::new(points(300)), fields(100));
        let other: Vec<G1Affine> = bases.iter().rev().copied().collect();
        device.keep(&bases);
        let copied = device.copied()[0];
        device.keep(&bases);
        assert_eq!(device.copied()[0], copied, "kept once");
        // too many for half of what is left
        device.keep(&Arc::new(points(1 << 13)));
        for at in [0, 1, 200] {
            assert_eq!(device.msm(&bases[at..], &scalars), plain_sum(&bases[at..], &scalars), "from {at}");
            assert_eq!(device.msm(&other[at..], &scalars), plain_sum(&other[at..], &scalars), "from {at}");
        }
        assert_eq!(device.msm(&bases[300..], &scalars), plain_sum(&[], &scalars));
        assert_eq!(device.trouble(), None);
    }
}
