//! Priorities of transitions, for prioritized replay (Schaul et al. 2016, the proportional variant).
//!
//! A transition with the error delta is drawn in proportion to p = (|delta| + epsilon)^exponent. The p are the leaves
//! of a binary tree whose nodes hold the sums of their children. A sum is always computed from the two below it, never
//! corrected by a difference, so it does not drift and depends on the leaves alone.

use crate::arithmetic::power;
use anyhow::{ensure, Result};
use std::collections::TryReserveError;

/// Leaves of a new tree; it grows with the places in use.
const FIRST_LEAVES: usize = 1 << 10;

/// Priorities of a fixed number of places; 0 for a place that may not be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Priorities {
    exponent: f64,
    epsilon: f64,
    /// Node i has the children 2i and 2i + 1; 1 is the root, the leaves are the second half. Places without a leaf have priority 0;
    /// leaves for them change neither a sum nor what is found.
    sums: Vec<f64>,
    places: usize,
    maximum: f64,
}

impl Priorities {
    /// Priorities of `places` places, none of which may be drawn yet. `exponent` is 0 for uniform sampling, 1 for full
    /// prioritization; with `epsilon`, which is above 0, transitions with an error of 0 can still be drawn.
    pub fn new(places: usize, exponent: f64, epsilon: f64) -> Self {
        let sums = vec![0.0; 2 * places.min(FIRST_LEAVES).next_power_of_two()];
        Self { exponent, epsilon, sums, places, maximum: 1.0 }
    }

    /// Bytes of the tree once all of these places are in use.
    pub fn bytes(places: u64) -> u64 {
        16 * places.max(FIRST_LEAVES as u64).checked_next_power_of_two().unwrap_or(u64::MAX / 16)
    }

    /// Makes the tree large enough for the first `places`.
    ///
    /// # Errors
    /// When there is not as much memory.
    pub fn reserve(&mut self, places: usize) -> Result<(), TryReserveError> {
        let leaves = places.min(self.places).checked_next_power_of_two().unwrap_or(usize::MAX / 2);
        if leaves <= self.leaves() {
            return Ok(());
        }
        let mut sums = Vec::new();
        sums.try_reserve_exact(leaves.saturating_mul(2))?;
        sums.resize(2 * leaves, 0.0);
        sums[leaves..leaves + self.leaves()].copy_from_slice(&self.sums[self.leaves()..]);
        self.sums = sums;
        self.sum();
        Ok(())
    }

    /// Makes the tree large enough for `place`.
    fn extend_to(&mut self, place: usize) {
        assert!(place < self.places, "place {place} of {}", self.places);
        while place >= self.leaves() {
            // As a vector that cannot grow, this ends the program: a run reserves what it will use.
            self.reserve(2 * self.leaves()).expect("memory for the priorities");
        }
    }

    fn leaves(&self) -> usize {
        self.sums.len() / 2
    }

    /// Computes all sums from the leaves.
    fn sum(&mut self) {
        for node in (1..self.leaves()).rev() {
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// The priorities of `count` places from `first` on. With the [largest](Self::maximum) ever given, a checkpoint must hold all.
    pub fn of(&self, first: usize, count: usize) -> Vec<f64> {
        (first..first + count).map(|place| self.priority(place)).collect()
    }

    /// The largest priority ever given, 1 at first.
    pub fn maximum(&self) -> f64 {
        self.maximum
    }

    /// Restores the priorities of the first places, and the [largest](Self::maximum) ever given; all other places get 0.
    ///
    /// # Errors
    /// When there are more than places, or a value is impossible.
    pub fn restore(&mut self, priorities: &[f64], maximum: f64) -> Result<()> {
        ensure!(priorities.len() <= self.places, "{} priorities for {} places", priorities.len(), self.places);
        let wrong = priorities.iter().chain([&maximum]).find(|priority| !(0.0..f64::INFINITY).contains(*priority));
        ensure!(wrong.is_none(), "a priority is {}", wrong.unwrap_or(&maximum));
        self.reserve(priorities.len())?;
        let leaves = self.leaves();
        self.sums[leaves..].fill(0.0);
        self.sums[leaves..leaves + priorities.len()].copy_from_slice(priorities);
        self.sum();
        ensure!(self.total().is_finite(), "the sum of the priorities is {}", self.total());
        self.maximum = maximum;
        Ok(())
    }

    /// The priority of `place`.
    pub fn priority(&self, place: usize) -> f64 {
        self.sums.get(self.leaves() + place).copied().unwrap_or(0.0)
    }

    /// The sum of all priorities.
    pub fn total(&self) -> f64 {
        self.sums[1]
    }

    fn set(&mut self, place: usize, priority: f64) {
        self.extend_to(place);
        let mut node = self.leaves() + place;
        self.sums[node] = priority;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// Allows `place` to be drawn, with the largest priority ever given (1 at first), because nothing has been learned
    /// from it.
    pub fn insert(&mut self, place: usize) {
        self.set(place, self.maximum);
    }

    /// Keeps `place` from being drawn.
    pub fn remove(&mut self, place: usize) {
        if self.priority(place) > 0.0 {
            self.set(place, 0.0);
        }
    }

    /// Sets the priority of `place` from the error of its transition; does nothing if the place may not be drawn.
    pub fn update(&mut self, place: usize, error: f32) {
        if self.priority(place) > 0.0 {
            let priority = power(f64::from(error.abs()) + self.epsilon, self.exponent).max(f64::MIN_POSITIVE);
            self.maximum = self.maximum.max(priority);
            self.set(place, priority);
        }
    }

    /// The place whose share of the sum contains the fraction `at` (0 to 1). That place may be drawn only if
    /// [`total`](Self::total) is above 0.
    pub fn find(&self, at: f64) -> usize {
        let mut rest = at * self.total();
        let leaves = self.leaves();
        let mut node = 1;
        while node < leaves {
            let (left, right) = (self.sums[2 * node], self.sums[2 * node + 1]);
            // Rounding must not lead to a node whose sum is 0.
            if right == 0.0 || (rest < left && left > 0.0) {
                node *= 2;
            } else {
                rest -= left;
                node = 2 * node + 1;
            }
        }
        node - leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};

    fn with(priorities: &[f64]) -> Priorities {
        let mut tree = Priorities::new(priorities.len(), 1.0, 1e-6);
        tree.restore(priorities, 1.0).unwrap();
        tree
    }

    #[test]
    fn a_place_is_found_in_proportion_to_its_priority() {
        let tree = with(&[0.0, 2.0, 0.0, 1.0, 5.0, 0.0]);
        assert_eq!(tree.total(), 8.0);
        for (at, place) in [(0.0, 1), (0.249, 1), (0.25, 3), (0.374, 3), (0.375, 4), (0.999, 4), (1.0, 4), (1.1, 4)] {
            assert_eq!(tree.find(at), place, "{at}");
        }
    }

    #[test]
    fn errors_become_priorities_and_new_places_have_the_largest_so_far() {
        let mut tree = Priorities::new(3, 0.5, 0.25);
        tree.insert(0);
        assert_eq!(tree.priority(0), 1.0);
        tree.update(0, -6.0);
        tree.insert(1);
        assert_eq!((tree.priority(0), tree.priority(1)), (2.5, 2.5));
        tree.update(0, 0.0);
        tree.insert(2);
        assert_eq!((tree.priority(0), tree.priority(2)), (0.5, 2.5), "the largest ever given");
        tree.remove(1);
        tree.update(1, 9.0);
        assert_eq!((tree.priority(1), tree.total()), (0.0, 3.0), "a place that may not be drawn keeps priority 0");
    }

    #[test]
    fn sums_do_not_drift_and_a_saved_tree_is_the_same_tree() {
        let mut random = Generator::new(1, Purpose::Synthetic);
        let mut tree = Priorities::new(100, 0.6, 1e-6);
        for _ in 0..50_000 {
            let place = random.below(100);
            match random.below(4) {
                0 => tree.remove(place),
                1 => tree.insert(place),
                _ => tree.update(place, random.symmetric(1e6)),
            }
        }
        let mut again = Priorities::new(100, 0.6, 1e-6);
        again.restore(&tree.of(0, 100), tree.maximum()).unwrap();
        assert!(again == tree, "every sum is the sum of its leaves");
        for (wrong, maximum) in [(vec![0.0; 101], 1.0), (vec![f64::NAN; 100], 1.0), (vec![1.0; 100], -1.0)] {
            assert!(again.restore(&wrong, maximum).is_err() && again == tree);
        }
        for place in 0..100 {
            tree.remove(place);
        }
        assert_eq!(tree.total(), 0.0);
    }

    #[test]
    fn rounding_never_leads_to_a_place_that_may_not_be_drawn() {
        let mut random = Generator::new(2, Purpose::Synthetic);
        for places in [1, 2, 7, 64, 100] {
            let mut tree = Priorities::new(places, 1.0, 1e-12);
            for _ in 0..300 {
                let place = random.below(places);
                tree.insert(place);
                tree.update(place, 10f32.powf(random.symmetric(12.0)));
                tree.remove(random.below(places));
                if tree.total() > 0.0 {
                    for at in [0.0, random.fraction(), 1.0 - f64::EPSILON, 1.0] {
                        assert!(tree.priority(tree.find(at)) > 0.0);
                    }
                }
            }
        }
    }

    #[test]
    fn a_tree_that_grows_is_the_tree_that_was_large_from_the_start() {
        let mut random = Generator::new(5, Purpose::Synthetic);
        let places = 40_000;
        let mut grown = Priorities::new(places, 0.6, 1e-6);
        let mut large = Priorities::new(places, 0.6, 1e-6);
        large.reserve(places).unwrap();
        for used in [10, 1_500, 3_000, 20_000, places] {
            for _ in 0..5_000 {
                let (place, error) = (random.below(used), random.symmetric(1e3));
                for tree in [&mut grown, &mut large] {
                    tree.insert(place);
                    tree.update(place, error);
                }
            }
            assert!(grown.total().to_bits() == large.total().to_bits(), "{used} places");
            for _ in 0..1_000 {
                let at = random.fraction();
                assert_eq!(grown.find(at), large.find(at), "{used} places");
            }
        }
        assert!(Priorities::new(1 << 50, 0.6, 1e-6).reserve(1 << 50).is_err());
    }
}
