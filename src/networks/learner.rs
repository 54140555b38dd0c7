//! The online and the target network with the optimizer, on the CPU or on a GPU.

use crate::networks::candle::CandleNetwork;
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::evaluator::Evaluator;
use crate::networks::optimizer::{
    clip_norm, clip_norm_on_device, CpuOptimizer, DeviceOptimizer, OptimizerRule, OptimizerState,
};
use crate::networks::{Architecture, Parameters};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};

/// Which of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that acts and learns.
    Online,
    /// The copy that values successors.
    Target,
}

/// The gradient of the loss by each of the network's outputs, from the outputs: both `[images, actions, width]`, as the
/// network's [head](crate::networks::head::Head) has it. An error stops the step before anything has changed.
pub type LossGradient<'a> = &'a mut dyn FnMut(&[f32], &mut [f32]) -> Result<()>;

/// An online network that can be improved, and its target copy.
pub trait Learner: Send {
    /// The networks' shape.
    fn architecture(&self) -> &Architecture;

    /// The outputs `[images, actions, width]` for `observations`, `[images, 4, 84, 84]` gray values.
    fn outputs(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]>;

    /// From now on a network's noisy layers have this draw of noise (see
    /// [`Architecture::noisy_layers`](crate::networks::Architecture::noisy_layers)), or with `None` none; until its
    /// parameters change, which leaves it without.
    fn perturb(&mut self, which: Which, factors: Option<&[f32]>) -> Result<()>;

    /// One step of the optimizer on the online network, against the gradient that follows from what `loss_gradient` says
    /// to the outputs for `observations`; with `norm_limit` that gradient is first shortened to this norm if it is longer,
    /// and the norm it had comes back.
    fn descend(
        &mut self,
        observations: &[u8],
        norm_limit: Option<f32>,
        loss_gradient: LossGradient,
    ) -> Result<Option<f32>>;

    /// Moves the target network's parameters the fraction `tau` of the way to the online network's; 1 makes an exact copy.
    fn move_target(&mut self, tau: f32) -> Result<()>;

    /// A network's parameters.
    fn parameters(&self, which: Which) -> Result<Parameters>;

    /// A copy of a network, on the same device, to be evaluated elsewhere.
    fn evaluator(&self, which: Which) -> Result<Evaluator>;

    /// Both networks and what the optimizer remembers.
    fn state(&self) -> Result<LearnerState>;

    /// Goes on from a state of such a learner, on whatever device it was.
    fn set_state(&mut self, state: LearnerState) -> Result<()>;
}

/// What a learner's future depends on, all in the order of the stored parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Parameters of the online network.
    pub online: Vec<f32>,
    /// Parameters of the target network.
    pub target: Vec<f32>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState,
}

impl LearnerState {
    /// The parameters of both networks, of this architecture.
    fn networks(&self, architecture: &Architecture) -> Result<[Parameters; 2]> {
        let count = architecture.parameter_count();
        let OptimizerState { first, second, .. } = &self.optimizer;
        for values in [&self.online, &self.target, first, second] {
            ensure!(values.len() == count, "it has {} numbers for a network of {count} parameters", values.len());
        }
        Ok([&self.online, &self.target]
            .map(|values| Parameters { architecture: architecture.clone(), values: values.clone() }))
    }
}

/// The learner for `device`, both networks starting from `parameters`.
pub fn new_learner(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Box<dyn Learner>> {
    Ok(match device {
        Device::Cpu => Box::new(CpuLearner::new(parameters, rule)),
        device => Box::new(CandleLearner::new(parameters, rule, device)?),
    })
}

/// A [`Learner`] with the CPU's own network.
#[derive(Debug)]
pub struct CpuLearner {
    online: CpuNetwork,
    target: CpuNetwork,
    optimizer: CpuOptimizer,
    workspace: Workspace,
    gradient: Vec<f32>,
    output_gradient: Vec<f32>,
    norm_sums: Vec<f64>,
}

impl CpuLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule) -> Self {
        let online = CpuNetwork::new(parameters);
        let count = parameters.values.len();
        Self {
            target: online.clone(),
            online,
            optimizer: CpuOptimizer::new(rule, count),
            workspace: Workspace::default(),
            gradient: vec![0.0; count],
            output_gradient: Vec::new(),
            norm_sums: Vec::new(),
        }
    }
}

impl Learner for CpuLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn outputs(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => &self.target,
        };
        Ok(self.workspace.forward(network, observations))
    }

    fn perturb(&mut self, which: Which, factors: Option<&[f32]>) -> Result<()> {
        match which {
            Which::Online => self.online.perturb(factors),
            Which::Target => self.target.perturb(factors),
        }
        Ok(())
    }

    fn descend(
        &mut self,
        observations: &[u8],
        norm_limit: Option<f32>,
        loss_gradient: LossGradient,
    ) -> Result<Option<f32>> {
        let outputs = self.workspace.forward(&self.online, observations);
        self.output_gradient.clear();
        self.output_gradient.resize(outputs.len(), 0.0);
        loss_gradient(outputs, &mut self.output_gradient)?;
        self.workspace.backward(&self.online, observations, &self.output_gradient, &mut self.gradient);
        let norm = norm_limit.map(|limit| clip_norm(&mut self.gradient, limit, &mut self.norm_sums));
        self.optimizer.step(self.online.values_mut(), &self.gradient);
        Ok(norm)
    }

    fn move_target(&mut self, tau: f32) -> Result<()> {
        self.target.move_towards(&self.online, tau);
        Ok(())
    }

    fn parameters(&self, which: Which) -> Result<Parameters> {
        Ok(match which {
            Which::Online => self.online.parameters(),
            Which::Target => self.target.parameters(),
        })
    }

    fn evaluator(&self, which: Which) -> Result<Evaluator> {
        Evaluator::new(&self.parameters(which)?, &Device::Cpu)
    }

    fn state(&self) -> Result<LearnerState> {
        let OptimizerState { first, second, steps } = self.optimizer.state();
        let [first, second] = [first, second].map(|values| self.online.in_stored_order(&values));
        let optimizer = OptimizerState { first, second, steps };
        let [online, target] = [&self.online, &self.target].map(|network| network.parameters().values);
        Ok(LearnerState { online, target, optimizer })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let [online, target] = state.networks(self.online.architecture())?;
        self.online.set_parameters(&online);
        self.target.set_parameters(&target);
        let OptimizerState { first, second, steps } = state.optimizer;
        let [first, second] = [first, second].map(|values| self.online.from_stored_order(&values));
        self.optimizer.set_state(OptimizerState { first, second, steps });
        Ok(())
    }
}

/// A [`Learner`] in candle, on any device.
#[derive(Debug)]
pub struct CandleLearner {
    online: CandleNetwork,
    target: CandleNetwork,
    optimizer: DeviceOptimizer,
    outputs: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl CandleLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Self> {
        let online = CandleNetwork::new(parameters, device).context("cannot put the network on the device")?;
        let target = CandleNetwork::new(parameters, device).context("cannot put the target network on the device")?;
        let optimizer = DeviceOptimizer::new(rule, online.variables())?;
        Ok(Self { online, target, optimizer, outputs: Vec::new(), output_gradient: Vec::new() })
    }
}

impl Learner for CandleLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn outputs(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => &self.target,
        };
        self.outputs = network.forward(observations)?.flatten_all()?.to_vec1()?;
        Ok(&self.outputs)
    }

    fn perturb(&mut self, which: Which, factors: Option<&[f32]>) -> Result<()> {
        Ok(match which {
            Which::Online => self.online.perturb(factors),
            Which::Target => self.target.perturb(factors),
        }?)
    }

    fn descend(
        &mut self,
        observations: &[u8],
        norm_limit: Option<f32>,
        loss_gradient: LossGradient,
    ) -> Result<Option<f32>> {
        let outputs = self.online.forward(observations)?;
        self.outputs = outputs.flatten_all()?.to_vec1()?;
        self.output_gradient.clear();
        self.output_gradient.resize(self.outputs.len(), 0.0);
        loss_gradient(&self.outputs, &mut self.output_gradient)?;
        let mut gradients = self.online.gradients(&outputs, &self.output_gradient)?;
        let norm = norm_limit.map(|limit| clip_norm_on_device(&mut gradients, limit)).transpose()?;
        self.optimizer.step(self.online.variables(), &gradients)?;
        self.online.perturb(None)?;
        Ok(norm)
    }

    fn move_target(&mut self, tau: f32) -> Result<()> {
        Ok(self.target.move_towards(&self.online, tau)?)
    }

    fn parameters(&self, which: Which) -> Result<Parameters> {
        Ok(match which {
            Which::Online => self.online.parameters()?,
            Which::Target => self.target.parameters()?,
        })
    }

    fn evaluator(&self, which: Which) -> Result<Evaluator> {
        Evaluator::new(&self.parameters(which)?, self.online.device())
    }

    fn state(&self) -> Result<LearnerState> {
        let [online, target] = [self.online.parameters()?.values, self.target.parameters()?.values];
        Ok(LearnerState { online, target, optimizer: self.optimizer.state()? })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let [online, target] = state.networks(self.online.architecture())?;
        self.online.set_parameters(&online)?;
        self.target.set_parameters(&target)?;
        Ok(self.optimizer.set_state(&state.optimizer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::first_maximum;
    use crate::networks::head::{Head, Support};
    use crate::networks::noise::draw_factors;
    use crate::networks::optimizer::LearningRate;
    use crate::networks::plain;
    use crate::networks::{Design, NetworkKind};
    use crate::preprocess::{FRAME_PIXELS, SIDE, STACK, STACK_PIXELS};
    use crate::random::{Generator, Purpose};

    const ADAM: OptimizerRule =
        OptimizerRule::Adam { learning_rate: LearningRate::constant(1e-3), beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    fn pixels(images: usize) -> Vec<u8> {
        let mut generator = Generator::new(5, Purpose::Synthetic);
        (0..images * STACK_PIXELS).map(|_| generator.below(256) as u8).collect()
    }

    /// Stacks of a background that stays and a square that moves on its left, so that some of every convolution stays as it is.
    fn game(images: usize) -> Vec<u8> {
        let mut generator = Generator::new(7, Purpose::Synthetic);
        let background: Vec<u8> = (0..FRAME_PIXELS).map(|_| generator.below(256) as u8).collect();
        let mut frame = || {
            let mut frame = background.clone();
            let (top, left) = (generator.below(SIDE - 6), generator.below(SIDE / 3));
            frame.chunks_exact_mut(SIDE).skip(top).take(6).for_each(|row| row[left..left + 6].fill(200));
            frame
        };
        (0..images * STACK).flat_map(|_| frame()).collect()
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()))
    }

    const ATOMS: Head = Head::Categorical(Support { atoms: 5, value_min: -2.0, value_max: 2.0 });

    /// Every head, with and without its noise drawn.
    fn designs(kind: NetworkKind) -> Vec<(Design, bool)> {
        let plain = kind.plain();
        let everything = Design { kind, dueling: true, noisy: true, head: ATOMS };
        vec![
            (plain, false),
            (Design { dueling: true, ..plain }, false),
            (Design { head: ATOMS, ..plain }, false),
            (Design { dueling: true, head: ATOMS, ..plain }, false),
            (Design { noisy: true, ..plain }, true),
            (everything, true),
            (everything, false),
        ]
    }

    fn factors(architecture: &Architecture) -> Vec<f32> {
        let mut factors = vec![0.0; architecture.noise_len()];
        draw_factors(&mut Generator::new(6, Purpose::Noise), &mut factors);
        factors
    }

    /// The CPU's own network against candle's convolution and autograd: outputs, gradients by parameter array.
    #[test]
    fn the_cpu_network_equals_candles_forward_and_backward() {
        let mut cases = Vec::new();
        for (kind, images) in [(NetworkKind::Cpu, 11), (NetworkKind::Small, 9)] {
            cases.extend(designs(kind).into_iter().map(|(design, drawn)| (design, drawn, images)));
        }
        cases.extend([
            (NetworkKind::Nature.plain(), false, 11),
            (designs(NetworkKind::Nature)[5].0, true, 3),
            (Design { dueling: true, ..NetworkKind::Nips.plain() }, false, 9),
            (NetworkKind::Small.plain(), false, 32),
            (NetworkKind::Small.plain(), false, 1),
        ]);
        // Pictures that have nothing in common, and such that their differences are convolved.
        let pictures: [fn(usize) -> Vec<u8>; 2] = [pixels, game];
        for ((design, drawn, images), pictures) in cases.into_iter().flat_map(|case| pictures.map(|make| (case, make)))
        {
            let architecture = Architecture::new(design, 6);
            let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
            let mut network = CpuNetwork::new(&parameters);
            assert_eq!(network.parameters(), parameters, "there and back");
            let mut reference = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
            let observations = pictures(images);
            if drawn {
                let factors = factors(&architecture);
                network.perturb(Some(&factors));
                reference.perturb(Some(&factors)).unwrap();
            }

            let mut workspace = Workspace::default();
            let outputs = workspace.forward(&network, &observations).to_vec();
            assert_eq!(outputs.len(), images * architecture.outputs());
            let graph = reference.forward(&observations).unwrap();
            let expected: Vec<f32> = graph.flatten_all().unwrap().to_vec1().unwrap();
            for (got, want) in outputs.iter().zip(&expected) {
                assert!((got - want).abs() < 2e-6 * largest(&expected).max(1.0), "{design:?}: {got}, expected {want}");
            }

            let mut generator = Generator::new(4, Purpose::Synthetic);
            let output_gradient: Vec<f32> = outputs.iter().map(|_| generator.symmetric(1.0)).collect();
            let mut gradient = vec![9.0; parameters.values.len()];
            workspace.backward(&network, &observations, &output_gradient, &mut gradient);
            let gradient = network.in_stored_order(&gradient);
            let expected = reference.gradients(&graph, &output_gradient).unwrap();
            for (spec, expected) in architecture.layout().iter().zip(&expected) {
                let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
                let scale = largest(&expected).max(1e-6);
                for (got, want) in gradient[spec.range()].iter().zip(&expected) {
                    assert!((got - want).abs() < 1e-4 * scale, "{design:?} {}: {got}, expected {want}", spec.name);
                }
            }
        }
    }

    /// The derivative of sum(output * c) by single parameters of every array, those with the largest gradient and others:
    /// differences of the plain network in f64, whose steps are too short to meet a ReLU's kink.
    #[test]
    fn the_gradient_of_every_head_equals_finite_differences() {
        const STEP: f64 = 1e-6;
        let kinds = [NetworkKind::Small, NetworkKind::Cpu];
        for (design, drawn) in kinds.into_iter().flat_map(designs) {
            let architecture = Architecture::new(design, 4);
            let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
            let factors = factors(&architecture);
            let factors = drawn.then_some(factors.as_slice());
            // Enough to be compared with a base picture, and too few.
            let images = if design == design.kind.plain() { 9 } else { 2 };
            let observations = game(images);
            let mut generator = Generator::new(4, Purpose::Synthetic);
            let coefficients: Vec<f32> =
                (0..images * architecture.outputs()).map(|_| generator.symmetric(1.0)).collect();
            let mut network = CpuNetwork::new(&parameters);
            network.perturb(factors);
            let mut workspace = Workspace::default();
            let mut gradient = vec![0.0; parameters.values.len()];
            workspace.forward(&network, &observations);
            workspace.backward(&network, &observations, &coefficients, &mut gradient);
            let gradient = network.in_stored_order(&gradient);

            let mut values: Vec<f64> = parameters.values.iter().map(|value| f64::from(*value)).collect();
            let mut derivative = |place: usize| {
                let value = values[place];
                let [above, below] = [value + STEP, value - STEP].map(|moved| {
                    values[place] = moved;
                    let outputs = plain::outputs(&architecture, &values, factors, &observations);
                    outputs.iter().zip(&coefficients).map(|(x, c)| x * f64::from(*c)).sum::<f64>()
                });
                values[place] = value;
                (above - below) / (2.0 * STEP)
            };
            for spec in architecture.layout() {
                let part = &gradient[spec.range()];
                let scale = f64::from(largest(part));
                if spec.is_sigma() && !drawn {
                    assert_eq!(scale, 0.0, "{}", spec.name);
                    continue;
                }
                let mut places = vec![first_maximum(&part.iter().map(|x| x.abs()).collect::<Vec<_>>())];
                places.extend((0..4).map(|_| generator.below(part.len())));
                for place in places {
                    let (got, want) = (f64::from(part[place]), derivative(spec.offset + place));
                    let allowed = 1e-4 * want.abs().max(0.01 * scale);
                    assert!((got - want).abs() < allowed, "{design:?} {} {place}: {got}, expected {want}", spec.name);
                }
            }
        }
    }

    #[test]
    fn noise_lasts_until_the_parameters_change_or_it_is_taken_back() {
        let architecture = Architecture::new(designs(NetworkKind::Cpu)[5].0, 3);
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
        let observations = pixels(2);
        let factors = factors(&architecture);
        let learners: [Box<dyn Learner>; 2] = [
            Box::new(CpuLearner::new(&parameters, ADAM)),
            Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
        ];
        for mut learner in learners {
            let means = learner.outputs(Which::Online, &observations).unwrap().to_vec();
            learner.perturb(Which::Online, Some(&factors)).unwrap();
            let noisy = learner.outputs(Which::Online, &observations).unwrap().to_vec();
            assert_ne!(noisy, means);
            assert_eq!(learner.outputs(Which::Target, &observations).unwrap(), means, "its noise is its own");
            learner.perturb(Which::Online, None).unwrap();
            assert_eq!(learner.outputs(Which::Online, &observations).unwrap(), means);
            learner.perturb(Which::Target, Some(&factors)).unwrap();
            assert_eq!(
                learner.outputs(Which::Target, &observations).unwrap(),
                noisy,
                "the same draw, the same network"
            );
            learner.move_target(1.0).unwrap();
            assert_eq!(learner.outputs(Which::Target, &observations).unwrap(), means);
            learner.perturb(Which::Online, Some(&factors)).unwrap();
            learner.descend(&observations, None, &mut |_, _| Ok(())).unwrap();
            assert_eq!(learner.outputs(Which::Online, &observations).unwrap(), means, "a gradient of 0 moves nothing");
        }
    }

    #[test]
    fn a_soft_update_moves_the_target_a_fraction_of_the_way() {
        let architecture = Architecture::new(NetworkKind::Cpu.plain(), 3);
        let draw = |seed| Parameters::initial(architecture.clone(), &mut Generator::new(seed, Purpose::Weights));
        let (old, new) = (draw(1), draw(2));
        let expected: Vec<f32> = old.values.iter().zip(&new.values).map(|(w, to)| w + 0.25 * (to - w)).collect();
        let mut target = CpuNetwork::new(&old);
        target.move_towards(&CpuNetwork::new(&new), 0.25);
        assert_eq!(target.parameters().values, expected);
        let mut target = CandleNetwork::new(&old, &Device::Cpu).unwrap();
        target.move_towards(&CandleNetwork::new(&new, &Device::Cpu).unwrap(), 0.25).unwrap();
        for (got, want) in target.parameters().unwrap().values.iter().zip(&expected) {
            assert!((got - want).abs() < 1e-7, "{got}, expected {want}");
        }
    }

    /// Adam's first step is the learning rate for every gradient that is not tiny: with RMSProp's fixed denominator the
    /// step shows the gradient's length.
    #[test]
    fn a_clipped_gradient_makes_a_smaller_step_of_the_same_direction() {
        let rule =
            OptimizerRule::RmsProp { learning_rate: LearningRate::constant(1.0), decay: 0.999_999, epsilon: 1.0 };
        let parameters = Parameters::initial(
            Architecture::new(NetworkKind::Cpu.plain(), 3),
            &mut Generator::new(3, Purpose::Weights),
        );
        let observations = pixels(2);
        let step = |learner: &mut dyn Learner, limit: Option<f32>| {
            let mut pull = |_: &[f32], gradient: &mut [f32]| {
                gradient.fill(1.0);
                Ok(())
            };
            let norm = learner.descend(&observations, limit, &mut pull).unwrap();
            let after = learner.parameters(Which::Online).unwrap().values;
            let moved: Vec<f32> = after.iter().zip(&parameters.values).map(|(new, old)| new - old).collect();
            (norm, moved)
        };
        let length = |moved: &[f32]| moved.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let new: [&dyn Fn() -> Box<dyn Learner>; 2] = [&|| Box::new(CpuLearner::new(&parameters, rule)), &|| {
            Box::new(CandleLearner::new(&parameters, rule, &Device::Cpu).unwrap())
        }];
        for new in new {
            let (none, free) = step(new().as_mut(), None);
            let (norm, same) = step(new().as_mut(), Some(1e9));
            let norm = norm.unwrap();
            assert!(none.is_none() && same == free);
            assert!((length(&free) - f64::from(norm)).abs() < 1e-3 * length(&free), "{} and {norm}", length(&free));
            let (again, clipped) = step(new().as_mut(), Some(0.5));
            assert_eq!(again, Some(norm));
            assert!((length(&clipped) - 0.5).abs() < 1e-3, "{}", length(&clipped));
            let dot: f64 = clipped.iter().zip(&free).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            assert!((dot / (length(&clipped) * length(&free)) - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn both_learners_take_the_same_steps_and_move_the_target_only_on_sync() {
        let architecture = Architecture::new(NetworkKind::Small.plain(), 3);
        let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
        let observations = pixels(4);
        let mut learners: [Box<dyn Learner>; 2] = [
            Box::new(CpuLearner::new(&parameters, ADAM)),
            Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
        ];
        let results: Vec<Vec<f32>> = learners
            .iter_mut()
            .map(|learner| {
                let before = learner.outputs(Which::Target, &observations).unwrap().to_vec();
                for _ in 0..3 {
                    let mut pull_to_one = |q: &[f32], gradient: &mut [f32]| {
                        gradient.iter_mut().zip(q).for_each(|(gradient, q)| *gradient = q - 1.0);
                        Ok(())
                    };
                    learner.descend(&observations, None, &mut pull_to_one).unwrap();
                }
                assert_eq!(learner.outputs(Which::Target, &observations).unwrap(), before);
                let online = learner.outputs(Which::Online, &observations).unwrap().to_vec();
                learner.move_target(1.0).unwrap();
                assert_eq!(learner.outputs(Which::Target, &observations).unwrap(), online);
                assert_ne!(before, online);
                online
            })
            .collect();
        for (cpu, candle) in results[0].iter().zip(&results[1]) {
            assert!((cpu - candle).abs() < 1e-3, "{cpu} and {candle}");
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        for (design, norm_limit, observations) in [
            (NetworkKind::Nature.plain(), None, pixels(32)),
            (NetworkKind::Nature.plain(), None, game(32)),
            (designs(NetworkKind::Nature)[5].0, Some(0.1), game(32)),
        ] {
            let architecture = Architecture::new(design, 4);
            let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
            let factors = factors(&architecture);
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let mut learner = CpuLearner::new(&parameters, ADAM);
                    for _ in 0..2 {
                        let mut pull = |outputs: &[f32], gradient: &mut [f32]| {
                            gradient.copy_from_slice(outputs);
                            Ok(())
                        };
                        learner.perturb(Which::Online, Some(&factors)).unwrap();
                        learner.descend(&observations, norm_limit, &mut pull).unwrap();
                        learner.move_target(0.25).unwrap();
                    }
                    (learner.parameters(Which::Online).unwrap().values, learner.target.parameters().values)
                })
            };
            let one = run(1);
            assert!(one == run(2) && one == run(5));
        }
    }
}
