//! The probabilities of a policy's actions, as bars below the picture of a task.

use crate::drawing::scene::{Color, Scene, Shape};

/// Pixels from one bar to the next.
const ROW: f64 = 24.0;
/// Pixels above the first bar and below the last.
const MARGIN: f64 = 8.0;
/// Where the bars begin, in parts of the picture's width; the names of the actions are to their left.
const LEFT: f64 = 0.3;
/// Where a bar of probability 1 ends; the percentages are to its right.
const RIGHT: f64 = 0.88;
const PAPER: Color = [245, 245, 245];
const INK: Color = [40, 40, 40];
const BAR: Color = [70, 130, 180];

/// Adds a bar for each action below `scene`, which becomes as much higher.
pub fn add(scene: &mut Scene, actions: &[String], probabilities: &[f64]) {
    let (width, top) = (f64::from(scene.width), f64::from(scene.height));
    let height = 2.0 * MARGIN + ROW * probabilities.len() as f64;
    scene.height += height as u32;
    let filled = |left: f64, top: f64, right: f64, bottom: f64, color| Shape::Polygon {
        corners: vec![(left, top), (right, top), (right, bottom), (left, bottom)],
        fill: Some(color),
        outline: None,
        line: 0.0,
    };
    scene.shapes.push(filled(0.0, top, width, top + height, PAPER));
    for (i, probability) in probabilities.iter().enumerate() {
        let middle = top + MARGIN + ROW * (i as f64 + 0.5);
        let text = |x: f64, text: String| Shape::Text { center: (x, middle), size: 14.0, color: INK, text };
        let name = actions.get(i).cloned().unwrap_or_else(|| i.to_string());
        scene.shapes.push(text(width * LEFT / 2.0, name));
        let end = width * (LEFT + (RIGHT - LEFT) * probability.clamp(0.0, 1.0));
        scene.shapes.push(filled(width * LEFT, middle - 8.0, end, middle + 8.0, BAR));
        scene.shapes.push(text(width * (1.0 + RIGHT) / 2.0, format!("{:.0} %", 100.0 * probability)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_probability() {
        let mut scene = Scene { width: 100, height: 50, background: [0; 3], shapes: Vec::new() };
        add(&mut scene, &["left".to_string(), "right".to_string()], &[0.25, 0.75]);
        assert_eq!(scene.height, 50 + 16 + 48);
        let lengths: Vec<f64> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Polygon { corners, fill: Some(BAR), .. } => Some(corners[1].0 - corners[0].0),
                _ => None,
            })
            .collect();
        assert!((lengths[1] / lengths[0] - 3.0).abs() < 1e-9, "{lengths:?}");
        let texts = scene.svg();
        assert!(texts.contains(">left<") && texts.contains(">75 %<"), "{texts}");
    }
}
