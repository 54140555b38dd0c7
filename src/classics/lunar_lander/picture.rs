//! The lander's picture, 600 x 400: black sky, white ground, a violet lander, two flags, and flames where an engine just fired.

use super::bodies::{leg, HULL, HULL_OUTLINE, LEG_HALVES};
use super::world::Moving;
use super::{Engines, HEIGHT, PAD_HEIGHT, SCALE, WIDTH};
use crate::drawing::scene::{Color, Scene, Shape};

const SKY: Color = [0, 0, 0];
const GROUND: Color = [255, 255, 255];
const BODY: Color = [128, 102, 230];
const BODY_OUTLINE: Color = [77, 77, 128];
const FLAG: Color = [204, 204, 0];
const FLAME: Color = [255, 128, 0];
const FLAME_CORE: Color = [255, 230, 120];

/// The picture after a step with these engines.
pub fn scene(now: &Moving, engines: Engines) -> Scene {
    let mut shapes = vec![sky(now)];
    shapes.extend(flames(now, engines));
    let legs = [leg(0), leg(1)].map(|leg| {
        let (x, y) = LEG_HALVES;
        body(now, leg, &[(-x, -y), (x, -y), (x, y), (-x, y)], BODY, Some(BODY_OUTLINE))
    });
    shapes.extend(legs);
    shapes.push(body(now, HULL, &HULL_OUTLINE, BODY, Some(BODY_OUTLINE)));
    for x in [WIDTH * 0.4, WIDTH * 0.6] {
        let (x, y) = pixels(x, PAD_HEIGHT);
        let top = y - 50.0;
        shapes.push(Shape::Line { from: (x, y), to: (x, top), color: GROUND, width: 1.0 });
        shapes.push(filled(vec![(x, top), (x, top + 10.0), (x + 25.0, top + 5.0)], FLAG));
    }
    Scene { width: (WIDTH * SCALE) as u32, height: (HEIGHT * SCALE) as u32, background: GROUND, shapes }
}

/// Pixels from the upper left corner.
fn pixels(x: f64, y: f64) -> (f64, f64) {
    (x * SCALE, (HEIGHT - y) * SCALE)
}

fn filled(corners: Vec<(f64, f64)>, color: Color) -> Shape {
    Shape::Polygon { corners, fill: Some(color), outline: None, line: 0.0 }
}

fn sky(now: &Moving) -> Shape {
    let ground = now.terrain.iter().map(|point| pixels(f64::from(point.x), f64::from(point.y)));
    filled(ground.chain([pixels(WIDTH, HEIGHT), pixels(0.0, HEIGHT)]).collect(), SKY)
}

/// A polygon of a body, in its own coordinates, where 1 is a pixel and y points up.
fn body(now: &Moving, index: usize, corners: &[(f64, f64)], fill: Color, outline: Option<Color>) -> Shape {
    let transform = &now.bodies[index].transform;
    let (sine, cosine) = (f64::from(transform.rotation.sine), f64::from(transform.rotation.cosine));
    let (x, y) = pixels(f64::from(transform.position.x), f64::from(transform.position.y));
    let corners = corners.iter().map(|(u, v)| (x + cosine * u - sine * v, y - (sine * u + cosine * v))).collect();
    Shape::Polygon { corners, fill: Some(fill), outline, line: if outline.is_some() { 2.0 } else { 0.0 } }
}

/// Flames of the engines that fired in the last step, as long as their power.
fn flames(now: &Moving, engines: Engines) -> Vec<Shape> {
    let mut flames = Vec::new();
    let mut flame = |start: (f64, f64), way: (f64, f64), half_width: f64| {
        for (part, color) in [(1.0, FLAME), (0.55, FLAME_CORE)] {
            let across = (way.1.signum() * half_width * part, way.0.signum() * half_width * part);
            let across = if way.0 == 0.0 { (across.0, 0.0) } else { (0.0, across.1) };
            let tip = (start.0 + way.0 * part, start.1 + way.1 * part);
            let corners = [(start.0 - across.0, start.1 - across.1), (start.0 + across.0, start.1 + across.1), tip];
            flames.push(body(now, HULL, &corners, color, None));
        }
    };
    if engines.main > 0.0 {
        flame((0.0, -10.0), (0.0, -26.0 * engines.main), 7.0);
    }
    if engines.side != 0.0 {
        // The engine on the right pushes to the left.
        let right = -engines.side.signum();
        flame((15.0 * right, 10.0), (16.0 * -engines.side, 0.0), 4.0);
    }
    flames
}
