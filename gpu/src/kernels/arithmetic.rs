//! Single operations of both fields and of the group, and what a device must answer before it is trusted.

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

use crate::backend::{Affine, Backend, Buffer, GpuError, Launch, Xyzz, element};

/// Sum, difference, product, negative, inverse (0 of 0) and the plain number of every pair.
pub fn operations<B: Backend, F: PrimeField<BigInt = BigInt<4>> + Words>(
    backend: &B, a: &[F], b: &[F],
) -> Result<Vec<[F; 6]>, GpuError> {
    assert_eq!(a.len(), b.len(), "pairs");
    // the buffers of elements of either field are alike
    let [from_a, from_b] = [a, b].map(|values| {
        let words: Vec<u64> = values.iter().flat_map(Words::words).collect();
        Buffer::<_, Fr>::from_bytes(backend, bytemuck::cast_slice(&words))
    });
    let mut out = Buffer::<_, Fr>::new(backend, 6 * a.len())?;
    Launch::new(backend, F::KERNEL, a.len()).out(&mut out).input(&from_a?).input(&from_b?).run()?;
    let words = out.words(backend, 0, out.len())?;
    let elements = words.chunks_exact(4).map(element).collect::<Result<Vec<F>, _>>()?;
    Ok(elements.chunks_exact(6).map(|six| std::array::from_fn(|i| six[i])).collect())
}

/// A field that has kernels.
pub trait Words {
    /// The kernel of its operations.
    const KERNEL: &'static str;
    /// Montgomery form.
    fn words(&self) -> [u64; 4];
    /// From Montgomery form, below the modulus.
    fn of(words: [u64; 4]) -> Self;
}

macro_rules! words {
    ($($field:ty, $kernel:expr);*) => {$(
        impl Words for $field {
            const KERNEL: &'static str = $kernel;
            fn words(&self) -> [u64; 4] {
                self.0.0
            }
            fn of(words: [u64; 4]) -> Self {
                Self::new_unchecked(BigInt(words))
            }
        }
    )*};
}
words!(Fr, "fr_operations"; Fq, "fq_operations");

/// Affine points on a device.
pub fn upload_points<B: Backend>(backend: &B, points: &[G1Affine]) -> Result<Buffer<B::Memory, Affine>, GpuError> {
    let mut words = vec![0u64; 8 * points.len()];
    for (to, point) in words.chunks_exact_mut(8).zip(points) {
        // infinity stays zeros
        if let Some((x, y)) = point.xy() {
            to[..4].copy_from_slice(&x.0.0);
            to[4..].copy_from_slice(&y.0.0);
        }
    }
    Buffer::from_bytes(backend, bytemuck::cast_slice(&words))
}

/// A point in XYZZ coordinates; x = X/ZZ and y = Y/ZZZ with ZZ³ = ZZZ².
///
/// With Z = ZZ·ZZZ these are Jacobian coordinates X·ZZ·ZZZ² and Y·ZZ³·ZZZ², without a division.
///
/// # Errors
/// If they are no elements.
pub(crate) fn point(words: &[u64]) -> Result<G1Projective, GpuError> {
    let all = words.chunks_exact(4).map(element).collect::<Result<Vec<Fq>, _>>()?;
    let [x, y, zz, zzz] = all.try_into().map_err(|_| GpuError::NoElement)?;
    // of infinity ZZ alone says so
    if zz == Fq::ZERO {
        return Ok(G1Projective::default());
    }
    let square = zzz.square();
    Ok(G1Projective::new_unchecked(x * zz * square, y * zz * zz.square() * square, zz * zzz))
}

/// What [`point_operations`] multiplies by.
const FACTOR: u64 = 0x9000_000b;

/// a + b, 2a, 2a + 2b and FACTOR·(a + b) of every pair.
pub fn point_operations<B: Backend>(
    backend: &B, a: &[G1Affine], b: &[G1Affine],
) -> Result<Vec<[G1Projective; 4]>, GpuError> {
    assert_eq!(a.len(), b.len(), "pairs");
    let (from_a, from_b) = (upload_points(backend, a)?, upload_points(backend, b)?);
    let mut out = Buffer::<_, Xyzz>::new(backend, 4 * a.len())?;
    Launch::new(backend, "point_operations", a.len()).out(&mut out).input(&from_a).input(&from_b).run()?;
    let words = out.words(backend, 0, out.len())?;
    let points = words.chunks_exact(16).map(point).collect::<Result<Vec<_>, _>>()?;
    Ok(points.chunks_exact(4).map(|four| std::array::from_fn(|i| four[i])).collect())
}

/// Does the device compute what the CPU does? Asked once, before it is used.
pub fn known_answer<B: Backend>(backend: &B) -> Result<bool, GpuError> {
    let fields = fields_agree::<B, Fr>(backend, &pairs())? && fields_agree::<B, Fq>(backend, &pairs())?;
    Ok(fields && points_agree(backend, &point_pairs())?)
}

/// Pairs of the ends of a field, and of two numbers of all their bits.
fn pairs<F: PrimeField>() -> [Vec<F>; 2] {
    let some = -F::from(3u64) / F::from(7u64);
    let ends = [F::zero(), F::one(), -F::one(), -F::from(2u64), some, some.square()];
    let all = ends.iter().flat_map(|a| ends.iter().map(|b| (*a, *b)));
    let (a, b) = all.unzip();
    [a, b]
}

/// Pairs of infinity, a point, the same, its opposite and another.
fn point_pairs() -> [Vec<G1Affine>; 2] {
    let one = G1Affine::generator();
    let other = (one * Fr::from(77u64)).into_affine();
    let ends = [G1Affine::identity(), one, -one, other];
    let all = ends.iter().flat_map(|a| ends.iter().map(|b| (*a, *b)));
    let (a, b) = all.unzip();
    [a, b]
}

fn fields_agree<B: Backend, F: PrimeField<BigInt = BigInt<4>> + Words>(
    backend: &B, [a, b]: &[Vec<F>; 2],
) -> Result<bool, GpuError> {
    let expected = a.iter().zip(b).map(|(a, b)| {
        let plain = F::of(a.into_bigint().0);
        [*a + b, *a - b, *a * b, -*a, a.inverse().unwrap_or(F::ZERO), plain]
    });
    Ok(operations(backend, a, b)?.into_iter().eq(expected))
}

fn points_agree<B: Backend>(backend: &B, [a, b]: &[Vec<G1Affine>; 2]) -> Result<bool, GpuError> {
    let expected = a.iter().zip(b).map(|(a, b)| {
        let sum = *a + b;
        [sum, a.into_group().double(), sum.double(), sum * Fr::from(FACTOR)]
    });
    Ok(point_operations(backend, a, b)?.into_iter().eq(expected))
}

#[cfg(all(test, feature = "host-kernels"))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use ark_ff::UniformRand;
    use ark_std::{
        rand::{RngCore, SeedableRng, rngs::StdRng},
        test_rng,
    };

    use super::*;
    use crate::raw::host::Host;

    /// Random elements, and elements of few bits or all bits in some words, as they stand in Montgomery form.
    fn sample<F: PrimeField<BigInt = BigInt<4>> + Words>(n: usize) -> Vec<F> {
        let (mut rng, mut uniform) = (StdRng::seed_from_u64(11), test_rng());
        let mut ragged = || {
            let mut words = [0u64; 4].map(|_| match rng.next_u32() % 4 {
                0 => 0,
                1 => u64::MAX,
                2 => 0xffff_ffff,
                _ => rng.next_u64(),
            });
            words[3] &= (1 << 60) - 1;
            if BigInt(words) < F::MODULUS { F::of(words) } else { F::ZERO }
        };
        let ragged: Vec<F> = (0..n / 2).map(|_| ragged()).collect();
        ragged.into_iter().chain((0..n / 2).map(|_| F::rand(&mut uniform))).collect()
    }

    fn field<F: PrimeField<BigInt = BigInt<4>> + Words>() {
        let a = sample::<F>(2000);
        let mut b = a.clone();
        b.rotate_left(777);
        assert!(fields_agree(&Host, &[a, b]).unwrap());
        assert!(fields_agree(&Host, &pairs::<F>()).unwrap());
        assert!(operations::<_, F>(&Host, &[], &[]).unwrap().is_empty());
    }

    #[test]
    fn fields_are_those_of_arkworks() {
        field::<Fr>();
        field::<Fq>();
    }

    #[test]
    fn sums_of_points_are_complete() {
        let mut rng = test_rng();
        let a: Vec<G1Affine> = (0..40).map(|_| G1Affine::rand(&mut rng)).collect();
        let mut b = a.clone();
        b.rotate_left(3);
        assert!(points_agree(&Host, &[a.clone(), b]).unwrap());
        // equal, opposite, and with infinity on either side
        assert!(points_agree(&Host, &[a.clone(), a.clone()]).unwrap());
        assert!(points_agree(&Host, &[a.clone(), a.iter().map(|p| -*p).collect()]).unwrap());
        assert!(points_agree(&Host, &point_pairs()).unwrap());
        assert!(known_answer(&Host).unwrap());
    }

    #[test]
    fn words_that_are_no_element() {
        let [most, none] = [-Fr::from(1u64), Fr::ZERO].map(|v| v.into_bigint());
        assert_eq!(element::<Fr>(&none.0), Ok(Fr::ZERO));
        assert!(element::<Fr>(&most.0).is_ok());
        assert_eq!(element::<Fr>(&Fr::MODULUS.0), Err(GpuError::NoElement));
        assert_eq!(element::<Fr>(&[u64::MAX; 4]), Err(GpuError::NoElement));
        assert_eq!(element::<Fr>(&[0; 3]), Err(GpuError::NoElement));
        // Z of these words would be the modulus, whose inverse is sought for ever
        let mut words = [0; 16];
        words[8..12].copy_from_slice(&Fq::MODULUS.0);
        assert_eq!(point(&words), Err(GpuError::NoElement));
    }

    /// The host, but one kernel gets one bit wrong.
    struct Wrong {
        kernel: &'static str,
        next: AtomicBool,
    }

    impl Backend for Wrong {
        type Memory = <Host as Backend>::Memory;
        fn alloc(&self, bytes: usize) -> Result<Self::Memory, GpuError> {
            Host.alloc(bytes)
        }
        fn address(&self, memory: &Self::Memory) -> u64 {
            Host.address(memory)
        }
        fn write(&self, to: &mut Self::Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError> {
            Host.write(to, at, bytes)
        }
        fn read(&self, from: &Self::Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
            Host.read(from, at, bytes)?;
            bytes[bytes.len() - 1] ^= u8::from(self.next.swap(false, Relaxed));
            Ok(())
        }
        fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError> {
            self.next.store(kernel == self.kernel, Relaxed);
            Host.launch(kernel, words)
        }
    }

    #[test]
    fn a_wrong_bit_is_seen() {
        for kernel in [Fr::KERNEL, Fq::KERNEL, "point_operations"] {
            assert!(!known_answer(&Wrong { kernel, next: AtomicBool::new(false) }).unwrap(), "{kernel}");
        }
        assert_eq!(Host.launch("fr_operations", &[1]), Err(GpuError::Kernel("fr_operations")));
    }
}
