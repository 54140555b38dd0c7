//! Scaling the console's picture to a window of any size, in the shape a television gave it.

use crate::drawing::Picture;

/// Width of a picture that is `height` window pixels high. A television picture is 4:3, which makes the console's pixels about
/// 1.75 times as wide as high.
pub fn width_for(height: usize) -> usize {
    (height * 4 + 1) / 3
}

/// Draws pictures into a buffer of `0RGB` window pixels: centered, as large as fits, nearest pixel, black around.
#[derive(Debug, Default)]
pub struct Scaler {
    width: usize,
    height: usize,
    /// Column of the picture for each window column and row for each window row; `None` outside the picture.
    columns: Vec<Option<usize>>,
    rows: Vec<Option<usize>>,
    pixels: Vec<u32>,
}

impl Scaler {
    /// Draws `picture` for a window of `width` x `height`. Returns the window's pixels, row by row.
    pub fn draw(&mut self, picture: &Picture, width: usize, height: usize) -> &[u32] {
        if (width, height) != (self.width, self.height) {
            self.fit(picture, width, height);
        }
        let mut drawn: Option<(usize, usize)> = None;
        for (y, row) in self.rows.iter().enumerate() {
            let start = y * width;
            match (*row, drawn) {
                (None, _) => self.pixels[start..start + width].fill(0),
                // The same row of the picture as just above.
                (Some(row), Some((above, at))) if above == row => self.pixels.copy_within(at..at + width, start),
                (Some(row), _) => {
                    let source = &picture.pixels[row * picture.width..(row + 1) * picture.width];
                    for (pixel, column) in self.pixels[start..].iter_mut().zip(&self.columns) {
                        *pixel = column.map_or(0, |column| {
                            let [red, green, blue] = picture.colors[usize::from(source[column])].map(u32::from);
                            red << 16 | green << 8 | blue
                        });
                    }
                    drawn = Some((row, start));
                }
            }
        }
        &self.pixels
    }

    fn fit(&mut self, picture: &Picture, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        // The console's pixels are no squares; those of other pictures are.
        let square = picture.pixel_width == 1;
        let (wide, high) = if square { (picture.width, picture.height) } else { (4, 3) };
        let fitted_height = height.min(width * high / wide).max(1);
        let fitted_width = if square { fitted_height * wide / high } else { width_for(fitted_height) };
        let fitted_width = fitted_width.min(width).max(1);
        self.columns = spread(picture.width, fitted_width, width);
        self.rows = spread(picture.height, fitted_height, height);
        self.pixels = vec![0; width * height];
    }
}

/// For each of the `window` positions, the `source` position that it shows. The picture takes the middle `shown`
/// positions.
fn spread(source: usize, shown: usize, window: usize) -> Vec<Option<usize>> {
    let margin = window.saturating_sub(shown) / 2;
    (0..window).map(|at| at.checked_sub(margin).filter(|&at| at < shown).map(|at| at * source / shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fills_a_window_of_its_shape_and_is_centered_in_others() {
        assert_eq!(width_for(210), 280);
        assert_eq!(width_for(630), 840);
        assert_eq!(spread(2, 4, 4), [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(spread(2, 2, 5), [None, Some(0), Some(1), None, None]);
        let columns = spread(160, 840, 840);
        assert_eq!((columns[0], columns[839]), (Some(0), Some(159)));
    }
}
