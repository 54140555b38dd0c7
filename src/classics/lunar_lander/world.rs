//! The world of the lander: a hull, two legs, two hinges and the ground; and how it moves in a step.
//!
//! It reproduces Box2D 2.3 by Erin Catto (zlib license), as Gymnasium uses it, to the last bit: every operation in f32, in the
//! same order. Written from a description of its behavior, and only the parts that the lander needs.

use super::bodies::{leg, Body, Shape, HULL};
use super::contacts::{Contact, ContactConstraint};
use super::ground::{edges, Edge, POINTS};
use super::joints::{Hinge, Joint};
use super::manifold::collide;
use super::vector::Vector;
use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};

/// The engine's pi.
pub const PI: f32 = 3.141_592_7;
/// Seconds in a step.
pub const TIME_STEP: f32 = 0.02;
/// Distance that positions may be wrong by, m: contacts keep a little overlap, so that they last.
pub const SLOP: f32 = 0.005;
/// The same for angles, rad.
pub const ANGULAR_SLOP: f32 = 2.0 / 180.0 * PI;
/// Thickness of the skin around each shape, m.
pub const SKIN: f32 = 2.0 * SLOP;
/// Largest correction of a position in one iteration, m.
pub const LARGEST_CORRECTION: f32 = 0.2;
/// Largest correction of an angle in one iteration, rad.
pub const LARGEST_TURN: f32 = 8.0 / 180.0 * PI;

pub const VELOCITY_ITERATIONS: usize = 180;
pub const POSITION_ITERATIONS: usize = 60;

/// Everything about the world that changes. It is the state that is saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moving {
    pub terrain: [Vector; POINTS],
    pub bodies: [Body; 3],
    pub joints: [Joint; 2],
    /// Newest first.
    pub contacts: Vec<Contact>,
    /// Time up to which the ground has been moved in the step; it decides from where bodies are moved.
    pub ground_start: f32,
    /// Factor of the last step's impulses: 0 in the first step, then 1.
    pub warm: f32,
    /// Whether each leg has touched the ground since one of its contacts ended.
    pub legs_touch: [bool; 2],
    /// Whether the hull has ever touched the ground.
    pub crashed: bool,
}

/// The world.
pub struct World {
    pub shapes: [Shape; 3],
    pub(super) hinges: [Hinge; 2],
    pub(super) edges: Vec<Edge>,
    pub(super) gravity: Vector,
    pub now: Moving,
    /// Room for the contacts' part of a step.
    pub(super) constraints: Vec<ContactConstraint>,
}

impl World {
    /// A lander at rest above the middle of `terrain`. `gravity` in m/s², negative downwards.
    pub fn new(terrain: [Vector; POINTS], gravity: f64) -> World {
        let shapes = [Shape::hull(), Shape::leg(), Shape::leg()];
        let (x, y) = (10.0, 400.0 / 30.0);
        let body = |index: usize, side: f64| {
            Body::new(&shapes[index], Vector::new((x - side * 20.0 / 30.0) as f32, y as f32), (side * 0.05) as f32)
        };
        let bodies = [body(HULL, 0.0), body(leg(0), -1.0), body(leg(1), 1.0)];
        let now = Moving {
            terrain,
            bodies,
            joints: Default::default(),
            contacts: Vec::new(),
            ground_start: 0.0,
            warm: 0.0,
            legs_touch: [false; 2],
            crashed: false,
        };
        let mut world = World {
            shapes,
            hinges: [Hinge::new(0), Hinge::new(1)],
            edges: edges(&terrain),
            gravity: Vector::new(0.0, gravity as f32),
            now,
            constraints: Vec::new(),
        };
        world.find_contacts([true; 3]);
        world
    }

    /// Continues from a state of another world.
    ///
    /// # Errors
    /// When a contact is between things that do not exist.
    pub fn restore(&mut self, now: Moving) -> Result<()> {
        for (i, contact) in now.contacts.iter().enumerate() {
            let (edge, body) = (usize::from(contact.edge), usize::from(contact.body));
            ensure!(edge < self.edges.len() && body < 3, "contact of edge {edge} and body {body} of 11 and 3");
            let twice = now.contacts[..i].iter().any(|other| (other.edge, other.body) == (contact.edge, contact.body));
            ensure!(!twice, "two contacts of edge {edge} and body {body}");
        }
        self.edges = edges(&now.terrain);
        self.now = now;
        Ok(())
    }

    /// Takes a step of 0.02 s.
    pub fn step(&mut self) {
        self.update_contacts();
        self.solve();
        self.solve_impacts();
        self.now.warm = 1.0;
        for body in &mut self.now.bodies {
            body.force = Vector::ZERO;
            body.torque = 0.0;
        }
    }

    /// Updates the contacts of bodies that are awake, and removes those whose boxes came apart.
    fn update_contacts(&mut self) {
        let mut i = 0;
        while i < self.now.contacts.len() {
            let contact = self.now.contacts[i];
            let body = &self.now.bodies[usize::from(contact.body)];
            if body.awake && !body.fat.overlaps(&self.edges[usize::from(contact.edge)].fat) {
                self.now.contacts.remove(i);
                if contact.touching() {
                    self.touch(contact.body, false);
                }
                continue;
            }
            if body.awake {
                self.update_contact(i);
            }
            i += 1;
        }
    }

    /// Finds where the two of a contact touch now, and tells if that began or ended.
    pub(super) fn update_contact(&mut self, index: usize) {
        let contact = &mut self.now.contacts[index];
        let body = usize::from(contact.body);
        let edge = &self.edges[usize::from(contact.edge)];
        let before = contact.touching();
        let mut manifold = collide(edge, &self.shapes[body], &self.now.bodies[body].transform);
        manifold.inherit(&contact.manifold);
        contact.manifold = manifold;
        contact.enabled = true;
        let touching = contact.touching();
        if touching != before {
            self.now.bodies[body].wake();
            self.touch(body as u8, touching);
        }
    }

    /// A contact of a body began or ended. (One end is enough for a leg not to touch, even if another edge still holds it.)
    fn touch(&mut self, body: u8, began: bool) {
        match usize::from(body) {
            HULL => self.now.crashed |= began,
            leg => self.now.legs_touch[leg - 1] = began,
        }
    }

    /// Adds contacts of the moved bodies with edges whose boxes they have come to overlap.
    pub(super) fn find_contacts(&mut self, moved: [bool; 3]) {
        if moved == [false; 3] {
            return;
        }
        for (e, edge) in self.edges.iter().enumerate() {
            for (b, body) in self.now.bodies.iter_mut().enumerate() {
                let contacts = &mut self.now.contacts;
                let known = |contact: &Contact| (usize::from(contact.edge), usize::from(contact.body)) == (e, b);
                if moved[b] && edge.fat.overlaps(&body.fat) && !contacts.iter().any(known) {
                    contacts.insert(0, Contact::new(e, b));
                    body.wake();
                }
            }
        }
    }
}
