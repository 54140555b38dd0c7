//! Observations, in the one form that environments, networks and the replay share.
//!
//! [`Space`] tells kind and size, [`Observations`] owns the values of one or many environments, [`Seen`] and [`Place`] borrow them
//! for reading and for writing.

use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind and size of one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// The last `stack` gray pictures of `side` x `side` pixels, oldest first, 0 to 255.
    Pixels {
        /// Pictures.
        stack: usize,
        /// Rows and columns of a picture.
        side: usize,
    },
    /// This many real numbers.
    Numbers(usize),
    /// The number of one of so many states.
    States(usize),
}

impl Space {
    /// Values in one observation.
    pub fn size(self) -> usize {
        match self {
            Space::Pixels { stack, side } => stack * side * side,
            Space::Numbers(count) => count,
            Space::States(_) => 1,
        }
    }

    /// An observation as a stack of frames: how many, and the bytes of each. Only pictures are stacked; anything else is one frame.
    pub fn frames(self) -> (usize, usize) {
        match self {
            Space::Pixels { stack, side } => (stack, side * side),
            Space::Numbers(count) => (1, 4 * count),
            Space::States(_) => (1, 4),
        }
    }

    /// Room for `count` observations, all zero.
    pub fn observations(self, count: usize) -> Observations {
        match self {
            Space::Pixels { .. } => Observations::Pixels(vec![0; count * self.size()]),
            Space::Numbers(_) => Observations::Numbers(vec![0.0; count * self.size()]),
            Space::States(_) => Observations::States(vec![0; count]),
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Space::Pixels { stack, side } => write!(f, "{stack} pictures of {side} x {side} pixels"),
            Space::Numbers(count) => write!(f, "{count} numbers"),
            Space::States(count) => write!(f, "one of {count} states"),
        }
    }
}

/// Observations of one kind, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observations {
    /// Of [`Space::Pixels`]: `[count, stack, side, side]` gray values.
    Pixels(Vec<u8>),
    /// Of [`Space::Numbers`]: `[count, size]`.
    Numbers(Vec<f32>),
    /// Of [`Space::States`]: `[count]`.
    States(Vec<u32>),
}

impl Default for Observations {
    /// None.
    fn default() -> Self {
        Observations::Pixels(Vec::new())
    }
}

impl Observations {
    /// All of them, to be read.
    pub fn seen(&self) -> Seen<'_> {
        match self {
            Observations::Pixels(values) => Seen::Pixels(values),
            Observations::Numbers(values) => Seen::Numbers(values),
            Observations::States(values) => Seen::States(values),
        }
    }

    /// All of them, to be written.
    pub fn place(&mut self) -> Place<'_> {
        match self {
            Observations::Pixels(values) => Place::Pixels(values),
            Observations::Numbers(values) => Place::Numbers(values),
            Observations::States(values) => Place::States(values),
        }
    }

    /// Their bytes, to be written; numbers are little-endian on the processors that this program runs on.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Observations::Pixels(values) => values,
            Observations::Numbers(values) => bytemuck::cast_slice_mut(values),
            Observations::States(values) => bytemuck::cast_slice_mut(values),
        }
    }

    /// Removes all of them.
    pub fn clear(&mut self) {
        match self {
            Observations::Pixels(values) => values.clear(),
            Observations::Numbers(values) => values.clear(),
            Observations::States(values) => values.clear(),
        }
    }

    /// Makes them `count` observations of `space`; new ones are zero.
    pub fn resize(&mut self, space: Space, count: usize) {
        let size = count * space.size();
        match (&mut *self, space) {
            (Observations::Pixels(values), Space::Pixels { .. }) => values.resize(size, 0),
            (Observations::Numbers(values), Space::Numbers(_)) => values.resize(size, 0.0),
            (Observations::States(values), Space::States(_)) => values.resize(size, 0),
            (own, space) => *own = space.observations(count),
        }
    }

    /// Takes room for this many values.
    ///
    /// # Errors
    /// When there is not as much memory.
    pub fn reserve(&mut self, values: usize) -> Result<()> {
        match self {
            Observations::Pixels(own) => own.try_reserve_exact(values.saturating_sub(own.len()))?,
            Observations::Numbers(own) => own.try_reserve_exact(values.saturating_sub(own.len()))?,
            Observations::States(own) => own.try_reserve_exact(values.saturating_sub(own.len()))?,
        }
        Ok(())
    }

    /// Adds the observations `seen` at the end.
    ///
    /// # Errors
    /// When they are of another kind.
    pub fn extend(&mut self, seen: Seen<'_>) -> Result<()> {
        match (self, seen) {
            (Observations::Pixels(values), Seen::Pixels(more)) => values.extend_from_slice(more),
            (Observations::Numbers(values), Seen::Numbers(more)) => values.extend_from_slice(more),
            (Observations::States(values), Seen::States(more)) => values.extend_from_slice(more),
            (own, _) => ensure!(false, "{} cannot be added to {}", seen.kind(), own.seen().kind()),
        }
        Ok(())
    }
}

/// Borrowed observations, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// `[count, stack, side, side]` gray values.
    Pixels(&'a [u8]),
    /// `[count, size]`.
    Numbers(&'a [f32]),
    /// `[count]`.
    States(&'a [u32]),
}

impl<'a> Seen<'a> {
    /// Values in all of them together.
    pub fn values(self) -> usize {
        match self {
            Seen::Pixels(values) => values.len(),
            Seen::Numbers(values) => values.len(),
            Seen::States(values) => values.len(),
        }
    }

    /// The number of observations, which are of `space`.
    pub fn count(self, space: Space) -> usize {
        self.values() / space.size()
    }

    /// Observation number `index` of `space`.
    pub fn at(self, space: Space, index: usize) -> Seen<'a> {
        self.part(space, index, 1)
    }

    /// `count` observations of `space` from number `first` on.
    pub fn part(self, space: Space, first: usize, count: usize) -> Seen<'a> {
        let range = first * space.size()..(first + count) * space.size();
        match self {
            Seen::Pixels(values) => Seen::Pixels(&values[range]),
            Seen::Numbers(values) => Seen::Numbers(&values[range]),
            Seen::States(values) => Seen::States(&values[range]),
        }
    }

    /// Their bytes, as [`Observations::bytes_mut`].
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Seen::Pixels(values) => values,
            Seen::Numbers(values) => bytemuck::cast_slice(values),
            Seen::States(values) => bytemuck::cast_slice(values),
        }
    }

    /// The gray values.
    ///
    /// # Errors
    /// When these are not pixels.
    pub fn pixels(self) -> Result<&'a [u8]> {
        match self {
            Seen::Pixels(values) => Ok(values),
            other => Err(anyhow::anyhow!("pixels are needed here, and these observations are {}", other.kind())),
        }
    }

    /// What it is, in a word.
    pub fn kind(self) -> &'static str {
        match self {
            Seen::Pixels(_) => "pixels",
            Seen::Numbers(_) => "numbers",
            Seen::States(_) => "states",
        }
    }
}

/// Where observations are written.
#[derive(Debug)]
pub enum Place<'a> {
    /// `[count, stack, side, side]` gray values.
    Pixels(&'a mut [u8]),
    /// `[count, size]`.
    Numbers(&'a mut [f32]),
    /// `[count]`.
    States(&'a mut [u32]),
}

impl<'a> Place<'a> {
    /// The places of `count` observations of `space` each, in their order; the last place may have fewer.
    pub fn chunks(self, space: Space, count: usize) -> Vec<Place<'a>> {
        match self {
            Place::Pixels(values) => values.chunks_mut(count * space.size()).map(Place::Pixels).collect(),
            Place::Numbers(values) => values.chunks_mut(count * space.size()).map(Place::Numbers).collect(),
            Place::States(values) => values.chunks_mut(count * space.size()).map(Place::States).collect(),
        }
    }

    /// The place of observation number `index` of `space`.
    pub fn at(&mut self, space: Space, index: usize) -> Place<'_> {
        let range = index * space.size()..(index + 1) * space.size();
        match self {
            Place::Pixels(values) => Place::Pixels(&mut values[range]),
            Place::Numbers(values) => Place::Numbers(&mut values[range]),
            Place::States(values) => Place::States(&mut values[range]),
        }
    }

    /// The same place, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> Place<'_> {
        match self {
            Place::Pixels(values) => Place::Pixels(values),
            Place::Numbers(values) => Place::Numbers(values),
            Place::States(values) => Place::States(values),
        }
    }

    /// The same values, to be read.
    pub fn seen(&self) -> Seen<'_> {
        match self {
            Place::Pixels(values) => Seen::Pixels(values),
            Place::Numbers(values) => Seen::Numbers(values),
            Place::States(values) => Seen::States(values),
        }
    }

    /// Copies `seen` to this place.
    ///
    /// # Panics
    /// When kind or size differ.
    pub fn copy_from(&mut self, seen: Seen<'_>) {
        match (self, seen) {
            (Place::Pixels(place), Seen::Pixels(values)) => place.copy_from_slice(values),
            (Place::Numbers(place), Seen::Numbers(values)) => place.copy_from_slice(values),
            (Place::States(place), Seen::States(values)) => place.copy_from_slice(values),
            (place, seen) => panic!("{} cannot be copied to {}", seen.kind(), place.seen().kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_are_parted_by_their_space() {
        let space = Space::Numbers(2);
        let mut observations = space.observations(3);
        let chunks = observations.place().chunks(space, 2);
        assert_eq!(chunks.iter().map(|chunk| chunk.seen().count(space)).collect::<Vec<_>>(), [2, 1]);
        for i in 0..3 {
            observations.place().at(space, i).copy_from(Seen::Numbers(&[i as f32, 10.0 + i as f32]));
        }
        assert_eq!(observations.seen().count(space), 3);
        assert_eq!(observations.seen().at(space, 1), Seen::Numbers(&[1.0, 11.0]));
        assert_eq!(observations.seen().part(space, 1, 2), Seen::Numbers(&[1.0, 11.0, 2.0, 12.0]));
    }

    #[test]
    fn another_kind_cannot_be_added() {
        let mut observations = Space::Pixels { stack: 1, side: 2 }.observations(1);
        let message = observations.extend(Seen::Numbers(&[1.0])).unwrap_err().to_string();
        assert_eq!(message, "numbers cannot be added to pixels");
        assert_eq!(observations, Observations::Pixels(vec![0; 4]));
    }
}
