//! The last part of a step: bodies that would pass into the ground are stopped where they touch it, and solved alone.

use super::bodies::{Body, Velocity};
use super::contacts::ContactConstraint;
use super::island::integrate;
use super::time_of_impact::time_of_impact;
use super::world::{World, SLOP, TIME_STEP, VELOCITY_ITERATIONS};

/// Impacts of a contact in a step.
const IMPACTS: u8 = 8;
const POSITION_ITERATIONS: usize = 20;
/// Part of an overlap that one iteration corrects.
const CORRECTION: f32 = 0.75;
/// Impacts later than this fraction of the step can wait for the next step.
const LATE: f32 = 1.0 - 10.0 * f32::EPSILON;

impl World {
    /// Finds and solves impacts, the earliest first.
    pub(super) fn solve_impacts(&mut self) {
        self.now.ground_start = 0.0;
        for body in &mut self.now.bodies {
            body.sweep.start = 0.0;
        }
        for contact in &mut self.now.contacts {
            contact.impact = None;
            contact.impacts = 0;
        }
        while let Some((index, alpha)) = self.earliest_impact() {
            self.solve_impact(index, alpha);
        }
    }

    /// The contact with the earliest impact in this step, and the fraction of the step.
    fn earliest_impact(&mut self) -> Option<(usize, f32)> {
        let mut earliest = None;
        let mut least = 1.0;
        for i in 0..self.now.contacts.len() {
            let contact = &self.now.contacts[i];
            if !contact.enabled || contact.impacts > IMPACTS {
                continue;
            }
            let alpha = match contact.impact {
                Some(alpha) => alpha,
                None if self.now.bodies[usize::from(contact.body)].awake => self.impact(i),
                None => continue,
            };
            self.now.contacts[i].impact = Some(alpha);
            if alpha < least {
                least = alpha;
                earliest = Some((i, alpha));
            }
        }
        earliest.filter(|(_, alpha)| *alpha <= LATE)
    }

    /// The fraction of the step at which the two of a contact touch; 1 if they do not.
    fn impact(&mut self, index: usize) -> f32 {
        let contact = &self.now.contacts[index];
        let (body, edge) = (usize::from(contact.body), usize::from(contact.edge));
        let sweep = &mut self.now.bodies[body].sweep;
        // Both motions begin at the same time.
        if sweep.start < self.now.ground_start {
            sweep.advance(self.now.ground_start);
        } else {
            self.now.ground_start = sweep.start;
        }
        match time_of_impact(&self.edges[edge].ends, &self.shapes[body], *sweep) {
            Some(time) => {
                let alpha = sweep.start + (1.0 - sweep.start) * time;
                if alpha < 1.0 {
                    alpha
                } else {
                    1.0
                }
            }
            None => 1.0,
        }
    }

    /// Stops the body of a contact at the fraction `alpha` of the step and solves its contacts there.
    fn solve_impact(&mut self, index: usize, alpha: f32) {
        let body = usize::from(self.now.contacts[index].body);
        let before: Body = self.now.bodies[body];
        let ground_start = self.now.ground_start;
        self.now.bodies[body].stop_at(&self.shapes[body], alpha);
        self.now.ground_start = alpha;
        self.update_contact(index);
        self.now.contacts[index].impact = None;
        self.now.contacts[index].impacts += 1;
        if !self.now.contacts[index].touching() {
            self.now.contacts[index].enabled = false;
            self.now.bodies[body].sweep = before.sweep;
            self.now.bodies[body].transform = before.transform;
            self.now.ground_start = ground_start;
            return;
        }
        self.now.bodies[body].wake();
        self.constrain_impact(index, body);
        self.move_from_impact(body, (1.0 - alpha) * TIME_STEP);

        let mut moved = [false; 3];
        moved[body] = self.now.bodies[body].refit(&self.shapes[body]);
        for contact in &mut self.now.contacts {
            if usize::from(contact.body) == body {
                contact.impact = None;
            }
        }
        self.find_contacts(moved);
    }

    /// Collects the touching contacts of the body, the one with the impact first.
    fn constrain_impact(&mut self, index: usize, body: usize) {
        self.constraints.clear();
        self.constrain_without_impulses(index, body);
        for i in 0..self.now.contacts.len() {
            if i != index && usize::from(self.now.contacts[i].body) == body {
                self.update_contact(i);
                if self.now.contacts[i].touching() {
                    self.constrain_without_impulses(i, body);
                }
            }
        }
    }

    fn constrain_without_impulses(&mut self, index: usize, body: usize) {
        let contact = &self.now.contacts[index];
        let edge = &self.edges[usize::from(contact.edge)];
        self.constraints.push(ContactConstraint::new(index, contact, edge, &self.shapes[body], 0.0));
    }

    /// Moves the body for the rest of the step, `time` seconds. Impulses are forgotten afterwards, and hinges take no part.
    fn move_from_impact(&mut self, body: usize, time: f32) {
        let mut positions = self.now.bodies.each_ref().map(|body| body.sweep.to);
        let mut velocities: [Velocity; 3] = self.now.bodies.each_ref().map(|body| body.velocity);
        for _ in 0..POSITION_ITERATIONS {
            let mut least: f32 = 0.0;
            for contact in &self.constraints {
                least = least.min(contact.solve_position(&self.shapes, &mut positions, CORRECTION));
            }
            if least >= -1.5 * SLOP {
                break;
            }
        }
        self.now.bodies[body].sweep.from = positions[body];
        for contact in &mut self.constraints {
            contact.prepare(&self.shapes, &positions);
        }
        for _ in 0..VELOCITY_ITERATIONS {
            for contact in &mut self.constraints {
                contact.solve_velocity(&mut velocities);
            }
        }
        integrate(&mut positions[body], &mut velocities[body], time);
        self.now.bodies[body].sweep.to = positions[body];
        self.now.bodies[body].velocity = velocities[body];
        self.now.bodies[body].place(&self.shapes[body]);
    }
}
