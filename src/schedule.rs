//! How the probability of a random action falls during training.

/// Linear from `initial` to `last` over `anneal_steps` agent steps after the first `starts_steps`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpsilonSchedule {
    /// Value up to and including step `starts_steps`.
    pub initial: f64,
    /// Value from step `starts_steps + anneal_steps` on.
    pub last: f64,
    /// Agent steps before the fall begins (those before learning starts).
    pub starts_steps: u64,
    /// Agent steps the fall takes.
    pub anneal_steps: u64,
}

impl EpsilonSchedule {
    /// Probability of a random action at agent step `step` (the first is 0).
    pub fn epsilon(&self, step: u64) -> f64 {
        let fallen = step.saturating_sub(self.starts_steps);
        if fallen >= self.anneal_steps {
            return self.last;
        }
        self.initial + (self.last - self.initial) * (fallen as f64 / self.anneal_steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_falls_linearly_after_learning_starts() {
        let schedule = EpsilonSchedule { initial: 1.0, last: 0.1, starts_steps: 50_000, anneal_steps: 1_000_000 };
        for (step, epsilon) in [(0, 1.0), (50_000, 1.0), (550_000, 0.55), (1_050_000, 0.1), (9_999_999, 0.1)] {
            assert!((schedule.epsilon(step) - epsilon).abs() < 1e-12, "step {step}");
        }
    }

    #[test]
    fn a_fall_over_no_steps_is_a_drop() {
        let schedule = EpsilonSchedule { initial: 1.0, last: 0.0, starts_steps: 10, anneal_steps: 0 };
        assert_eq!(schedule.epsilon(10), 0.0);
    }
}
