//! One suite for every device that needs no GPU.

mod suite;

use talea_gpu::Cpu;

#[test]
fn the_cpu_agrees() {
    suite::suite(&Cpu);
}

#[cfg(feature = "host-kernels")]
mod host {
    use ark_bn254::{Fr, G1Projective};
    use ark_ff::{AdditiveGroup, Field};
    use talea_gpu::{
        HostKernels, Ints,
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
}
