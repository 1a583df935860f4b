//! Integers, and the fractions that a liar may put in a field.

/// `numerator / 2^log`. Honest numbers are integers; a fraction stands for its quotient in the prover's field, where 2 has an
/// inverse. So one lie about a wrap-around serves fields of every size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    numerator: i128,
    log: u32,
}

impl Number {
    /// In lowest terms.
    pub fn new(numerator: i128, log: u32) -> Self {
        let common = if numerator == 0 { log } else { numerator.trailing_zeros().min(log) };
        Self { numerator: numerator >> common, log: log - common }
    }

    /// Its value, if it is an integer.
    pub fn integer(self) -> Option<i128> {
        (self.log == 0).then_some(self.numerator)
    }

    /// Numerator and logarithm of the denominator.
    pub fn parts(self) -> (i128, u32) {
        (self.numerator, self.log)
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let log = self.log.max(other.log);
        Self::new((self.numerator << (log - self.log)) + (other.numerator << (log - other.log)), log)
    }

    /// The product with an integer.
    #[must_use]
    pub fn times(self, by: i128) -> Self {
        Self::new(self.numerator * by, self.log)
    }

    /// The quotient by 2^log.
    #[must_use]
    pub fn over(self, log: u32) -> Self {
        Self::new(self.numerator, self.log + log)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::new(value.into(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn fractions_add_up() {
        let half = Number::from(3).over(1);
        assert_eq!(half.integer(), None);
        assert_eq!(half.plus(half).integer(), Some(3));
        assert_eq!(half.times(-4).integer(), Some(-6));
        assert_eq!(half.plus(Number::from(-1)).parts(), (1, 1));
        assert_eq!(Number::from(0).over(9).parts(), (0, 0));
    }
}
