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
    use talea_gpu::{
        Device, HostKernels, Ints,
        kernels::{
            Tuning,
            msm::{Column, Scalars},
        },
    };

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

    #[test]
    fn inverses_of_all_but_zero() {
        for device in [host(64, 1 << 30), host(64, 1 << 12)] {
            for n in [0, 1, 2, 63, 64, 65, 1000] {
                let plain: Vec<Fr> = fields(n).iter().map(|v| v.inverse().unwrap_or(Fr::ZERO)).collect();
                assert_eq!(device.try_invert(&fields(n)).unwrap(), plain, "{n} values");
            }
        }
    }

    /// Columns of all kinds at once, at places of their own: the same as one by one.
    #[test]
    fn many_columns_at_once() {
        let (bases, scalars) = (points(400), fields(100));
        let ints: Vec<Ints> = [70, 1, 0, 130].into_iter().flat_map(columns).collect();
        let own = ints.iter().enumerate().map(|(i, c)| Column { at: 9 * i, scalars: Scalars::Ints(c) });
        let all: Vec<Column<'_>> = own.chain([Column { at: 300, scalars: Scalars::Fields(&scalars) }]).collect();
        let plain = |c: &Column<'_>| match c.scalars {
            Scalars::Fields(v) => plain_sum(&bases[c.at..], v),
            Scalars::Ints(v) => plain_sum(&bases[c.at..], &v.fields()),
        };
        let plain: Vec<G1Projective> = all.iter().map(plain).collect();
        for budget in [1 << 30, 1 << 20, 1 << 14] {
            assert_eq!(host(1 << 10, budget).try_msm(&bases, &all).unwrap(), plain, "{budget} bytes");
        }
    }

    /// Points that are kept are those that lie there, and no others that look alike.
    #[test]
    fn kept_points_are_used_in_their_place() {
        let device = host(1 << 10, 1 << 20);
        let (bases, scalars) = (Arc::new(points(300)), fields(100));
        let other: Vec<G1Affine> = bases.iter().rev().copied().collect();
        device.keep(&bases);
        // too many for half of what is left
        device.keep(&Arc::new(points(1 << 13)));
        for at in [0, 1, 200] {
            assert_eq!(device.msm(&bases[at..], &scalars), plain_sum(&bases[at..], &scalars), "from {at}");
            assert_eq!(device.msm(&other[at..], &scalars), plain_sum(&other[at..], &scalars), "from {at}");
        }
        assert_eq!(device.msm(&bases[300..], &scalars), plain_sum(&[], &scalars));
        assert_eq!(device.trouble(), None);
    }

    #[test]
    fn products_are_exact() {
        for (rows, columns_, inner) in [(0, 3, 4), (1, 1, 1), (5, 7, 11), (40, 2, 33)] {
            let signed = |n: usize| columns(n).into_iter().filter(|c| !matches!(c, Ints::U64(_)));
            for (a, b) in signed(rows * inner).flat_map(|a| signed(columns_ * inner).map(move |b| (a.clone(), b))) {
                if matches!((&a, &b), (Ints::I64(_), Ints::I64(_))) {
                    continue;
                }
                let one = |y: usize, x: usize| (0..inner).map(|i| a.get(y * inner + i) * b.get(x * inner + i)).sum();
                let plain: Vec<i128> = (0..rows).flat_map(|y| (0..columns_).map(move |x| one(y, x))).collect();
                for budget in [1 << 20, 1 << 10] {
                    assert_eq!(host(64, budget).try_products(&a, &b, inner).unwrap(), plain, "{a:?} {b:?}");
                }
            }
        }
    }
}
