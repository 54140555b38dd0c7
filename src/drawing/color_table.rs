//! Pictures of any colors as pictures with 256 colors, the form of GIF and of the window.

use crate::drawing::scene::Color;
use crate::drawing::svg::Painted;
use crate::drawing::Colors;
use std::collections::HashMap;

/// The most frequent colors of the first picture keep their exact values.
const EXACT: usize = 128;
/// Values of red, of green and of blue among the other colors, which are for later pictures.
const LEVELS: [u8; 5] = [0, 64, 128, 191, 255];
/// Colors whose index is remembered; more would be a film, not a drawing.
const MOST_KNOWN: usize = 1 << 16;

/// 256 colors and the index of each color that pictures have.
///
/// A GIF has one table for all its pictures, so the table is made from the first picture and stays as it is: half of it is the first
/// picture's most frequent colors, and half of it is spread over all colors.
#[derive(Clone, Debug)]
pub struct ColorTable {
    colors: Box<Colors>,
    known: HashMap<Color, u8>,
}

impl ColorTable {
    /// A table for pictures like `first`.
    pub fn of(first: &Painted) -> Self {
        let mut counts: HashMap<Color, usize> = HashMap::new();
        for color in first.rgb.as_chunks().0 {
            *counts.entry(*color).or_default() += 1;
        }
        let mut frequent: Vec<(Color, usize)> = counts.into_iter().collect();
        // Equally frequent ones in a fixed order, so that a picture always gives the same table.
        frequent.sort_by(|(color, count), (other, other_count)| other_count.cmp(count).then(color.cmp(other)));
        let spread = LEVELS.iter().flat_map(|r| LEVELS.iter().flat_map(move |g| LEVELS.map(|b| [*r, *g, b])));
        let chosen = frequent.into_iter().map(|(color, _)| color).take(EXACT).chain(spread);
        let mut colors = Box::new([[0; 3]; 256]);
        for (place, color) in colors.iter_mut().zip(chosen) {
            *place = color;
        }
        Self { colors, known: HashMap::new() }
    }

    /// The color of each index.
    pub fn colors(&self) -> &Colors {
        &self.colors
    }

    /// Writes the index of each pixel's color to `indices`, which takes the picture's size; of the nearest color if the table lacks it.
    pub fn indices(&mut self, picture: &Painted, indices: &mut Vec<u8>) {
        indices.clear();
        indices.reserve(picture.rgb.len() / 3);
        let mut last = None;
        for color in picture.rgb.as_chunks().0 {
            let index = match last {
                Some((before, index)) if before == color => index,
                _ => self.index(*color),
            };
            last = Some((color, index));
            indices.push(index);
        }
    }

    fn index(&mut self, color: Color) -> u8 {
        if let Some(index) = self.known.get(&color) {
            return *index;
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let distance =
            |other: &Color| -> u32 { color.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum() };
        let nearest = self.colors.iter().enumerate().min_by_key(|(_, other)| distance(other));
        let index = nearest.map_or(0, |(index, _)| index as u8);
        self.known.insert(color, index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixels: &[Color]) -> Painted {
        Painted { width: pixels.len() as u32, height: 1, rgb: pixels.concat() }
    }

    fn shown(table: &mut ColorTable, pixels: &[Color]) -> Vec<Color> {
        let mut indices = vec![7; 3];
        table.indices(&picture(pixels), &mut indices);
        indices.iter().map(|index| table.colors()[usize::from(*index)]).collect()
    }

    #[test]
    fn colors_of_the_first_picture_are_exact_and_the_most_frequent_comes_first() {
        let pixels = [[1, 2, 3], [9, 9, 9], [9, 9, 9], [200, 100, 50]];
        let mut table = ColorTable::of(&picture(&pixels));
        assert_eq!(table.colors()[0], [9, 9, 9]);
        assert_eq!(shown(&mut table, &pixels), pixels);
    }

    #[test]
    fn later_colors_are_replaced_by_near_ones() {
        let mut table = ColorTable::of(&picture(&[[1, 2, 3]]));
        assert_eq!(shown(&mut table, &[[250, 120, 5], [2, 2, 3]]), [[255, 128, 0], [1, 2, 3]]);
        for color in [[33, 33, 33], [90, 200, 10], [255, 160, 31]] {
            let near = shown(&mut table, &[color])[0];
            assert!(color.iter().zip(near).all(|(a, b)| a.abs_diff(b) <= 33), "{color:?} became {near:?}");
        }
    }

    #[test]
    fn a_picture_with_too_many_colors_keeps_its_most_frequent_ones() {
        let many: Vec<Color> = (0..=255).map(|i| [i, 0, 1]).chain([[77, 0, 1]]).collect();
        let mut table = ColorTable::of(&picture(&many));
        assert_eq!(table.colors()[0], [77, 0, 1]);
        for (color, near) in many.iter().zip(shown(&mut table, &many)) {
            assert!(color[0].abs_diff(near[0]) <= 33, "{color:?} became {near:?}");
        }
    }
}
