//! The iterations that find velocities: hinges and contacts are solved in turn, 180 times.
//!
//! In the air the velocities soon repeat those of a few iterations earlier, to the last bit. From then on they go round
//! in a cycle, and each round adds the same impulses to the hinges' sums. The remaining iterations then only add to
//! these sums, which gives the bits of all 180 iterations. (With contacts, velocities depend on the sums and hardly
//! ever repeat.)

use super::bodies::{Velocity, HULL};
use super::contacts::ContactConstraint;
use super::joints::{Impulse, JointConstraint};
use super::world::VELOCITY_ITERATIONS;

/// Iterations in the longest cycle that is noticed.
const LONGEST: usize = 8;

/// Finds velocities that satisfy hinges and contacts.
pub fn iterate(joints: &mut [JointConstraint; 2], contacts: &mut [ContactConstraint], velocities: &mut [Velocity; 3]) {
    let places = [HULL, joints[0].leg(), joints[1].leg()];
    let mut own = places.map(|body| velocities[body]);
    if contacts.is_empty() {
        iterate_joints(joints, &mut own);
    } else {
        let place = |body: usize| places.iter().position(|other| *other == body).unwrap_or(0);
        for _ in 0..VELOCITY_ITERATIONS {
            solve_joints(joints, &mut own);
            for contact in contacts.iter_mut() {
                contact.solve_velocity(&mut own[place(contact.body())]);
            }
        }
    }
    for (body, velocity) in places.iter().zip(own) {
        velocities[*body] = velocity;
    }
}

/// Solves both hinges; `velocities` are the hull's and the legs', in the hinges' order.
#[inline(always)]
fn solve_joints(joints: &mut [JointConstraint; 2], velocities: &mut [Velocity; 3]) -> [Impulse; 2] {
    let [first, second] = joints;
    let [hull, first_leg, second_leg] = velocities;
    [first.solve_velocity(hull, first_leg), second.solve_velocity(hull, second_leg)]
}

/// An iteration: the velocities and motor impulses at its start, and the impulses that it added.
#[derive(Clone, Copy, Default)]
struct Iteration {
    velocities: [Velocity; 3],
    motors: [f32; 2],
    impulses: [Impulse; 2],
}

impl Iteration {
    /// Whether both started from the same bits.
    fn starts_as(&self, other: &Iteration) -> bool {
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits();
        let pairs = self.velocities.iter().zip(&other.velocities);
        // The values that settle last come first: a motor below its largest torque, the light legs.
        same(self.motors[0], other.motors[0])
            && same(self.motors[1], other.motors[1])
            && pairs.rev().all(|(a, b)| {
                same(a.angular, b.angular) && same(a.linear.x, b.linear.x) && same(a.linear.y, b.linear.y)
            })
    }
}

/// The iterations without contacts.
fn iterate_joints(joints: &mut [JointConstraint; 2], result: &mut [Velocity; 3]) {
    let mut velocities = *result;
    let mut past = [Iteration::default(); LONGEST];
    let mut known = 0;
    let mut done = 0;
    while done < VELOCITY_ITERATIONS {
        let motors = joints.each_ref().map(|joint| joint.motor_impulse());
        let mut now = Iteration { velocities, motors, ..Iteration::default() };
        let cycle = (1..=known.min(LONGEST)).find(|back| past[(known - back) % LONGEST].starts_as(&now));
        if let Some(length) = cycle {
            let mut round = [Iteration::default(); LONGEST];
            for (i, iteration) in round[..length].iter_mut().enumerate() {
                *iteration = past[(known - length + i) % LONGEST];
            }
            let repeated = repeat(joints, &round[..length], VELOCITY_ITERATIONS - done);
            done += repeated;
            let at = &round[repeated % length];
            velocities = at.velocities;
            joints.iter_mut().zip(at.motors).for_each(|(joint, impulse)| joint.set_motor_impulse(impulse));
            known = 0;
            continue;
        }
        now.impulses = solve_joints(joints, &mut velocities);
        past[known % LONGEST] = now;
        known += 1;
        done += 1;
    }
    *result = velocities;
}

/// Adds the impulses of `round` again and again, for `times` iterations or until a limit would let go.
/// Returns the number of iterations.
fn repeat(joints: &mut [JointConstraint; 2], round: &[Iteration], times: usize) -> usize {
    for (i, iteration) in round.iter().cycle().take(times).enumerate() {
        let [first, second] = &iteration.impulses;
        if !joints[0].holds(first) || !joints[1].holds(second) {
            return i;
        }
        joints[0].repeat(first);
        joints[1].repeat(second);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::vector::Vector;
    use super::super::world::World;
    use super::*;

    fn constraints(world: &World, velocities: &mut [Velocity; 3]) -> [JointConstraint; 2] {
        let positions = world.now.bodies.each_ref().map(|body| body.sweep.to);
        [1, 0].map(|i| {
            let (hinge, joint) = (world.hinges[i], world.now.joints[i]);
            JointConstraint::new(hinge, joint, &world.shapes, &positions, velocities, world.now.warm)
        })
    }

    /// Landers that hang in the air, with all kinds of speeds: at rest, drifting, tumbling.
    #[test]
    fn cycles_give_the_bits_of_all_iterations() {
        let mut world = World::new([Vector::ZERO; 11], -10.0);
        let (mut state, mut repeated) = (1u32, 0);
        for step in 0..400 {
            let mut velocities = world.now.bodies.each_ref().map(|body| body.velocity);
            if step % 3 == 0 {
                for velocity in &mut velocities {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    velocity.angular += (state as i32 >> 20) as f32 * 1e-3;
                }
            }
            let mut joints = constraints(&world, &mut velocities);
            let (mut plain, mut expected) = (joints.clone(), [velocities[0], velocities[2], velocities[1]]);
            let mut last = expected;
            for _ in 0..VELOCITY_ITERATIONS {
                last = expected;
                solve_joints(&mut plain, &mut expected);
            }
            repeated += usize::from(last == expected);
            iterate(&mut joints, &mut [], &mut velocities);
            assert_eq!(velocities, [expected[0], expected[2], expected[1]], "step {step}");
            assert_eq!(joints.map(|joint| joint.joint()), plain.map(|joint| joint.joint()), "step {step}");
            world.now.bodies[HULL].force = Vector::new(0.0, if step % 2 == 0 { 120.0 } else { 0.0 });
            world.step();
        }
        assert!((50..350).contains(&repeated), "{repeated} of 400 steps end in the shortest cycle");
    }

    #[test]
    fn repeating_ends_where_a_limit_would_let_go() {
        let mut world = World::new([Vector::ZERO; 11], -10.0);
        let mut ends = Vec::new();
        for turn in [-1.0, 1.0].repeat(30) {
            world.step();
            let mut velocities = world.now.bodies.each_ref().map(|body| body.velocity);
            velocities[2].angular += turn;
            let joints = constraints(&world, &mut velocities);
            let impulses = solve_joints(&mut joints.clone(), &mut [velocities[0], velocities[2], velocities[1]]);
            let round = [Iteration { impulses, ..Iteration::default() }];
            let mut whole = joints.clone();
            let end = repeat(&mut whole, &round, 2000);
            if (1..2000).contains(&end) {
                let mut one_by_one = joints.clone();
                (0..end).for_each(|_| assert_eq!(repeat(&mut one_by_one, &round, 1), 1));
                assert_eq!(repeat(&mut one_by_one, &round, 1), 0);
                assert_eq!(whole.map(|joint| joint.joint()), one_by_one.map(|joint| joint.joint()));
            }
            ends.push(end);
        }
        let early = ends.iter().filter(|end| (1..2000).contains(*end)).count();
        assert!(early > 5, "{ends:?}");
    }
}
