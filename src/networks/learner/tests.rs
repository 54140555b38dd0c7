use super::*;
use crate::networks::argmax;
use crate::networks::head::{Head, Support};
use crate::networks::loss::{LossKind, NotFinite};
use crate::networks::noise::draw_noise;
use crate::networks::optimizer::LearningRate;
use crate::networks::plain;
use crate::networks::{Activation, Design, DuelingForm, NetworkKind, NormKind, Widths};
use crate::observations::{Observations, Space};
use crate::random::{Generator, Purpose};

const ADAM: OptimizerRule =
    OptimizerRule::Adam { learning_rate: LearningRate::constant(1e-3), beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const PICTURES: Space = Space::Pixels { stack: 4, side: 84 };

/// The space in which most of these tests evaluate this network.
fn usual_space(kind: NetworkKind) -> Space {
    match kind {
        NetworkKind::Mlp => Space::Numbers(7),
        _ => PICTURES,
    }
}

fn architecture_of(design: Design, actions: usize) -> Architecture {
    Architecture::new(design, usual_space(design.kind), actions).unwrap()
}

/// Random observations with nothing in common.
fn unlike(space: Space, images: usize) -> Observations {
    let mut generator = Generator::new(5, Purpose::Synthetic);
    match space {
        Space::Pixels { .. } => {
            Observations::Pixels((0..images * space.size()).map(|_| generator.below(256) as u8).collect())
        }
        Space::Numbers(_) => {
            Observations::Numbers((0..images * space.size()).map(|_| generator.symmetric(2.0)).collect())
        }
        Space::States(count) => Observations::States((0..images).map(|_| generator.below(count) as u32).collect()),
    }
}

/// Stacks of a constant background with a square that moves on its left, so that part of every convolution's output stays
/// the same. Numbers are random.
fn alike(space: Space, images: usize) -> Observations {
    let Space::Pixels { stack, side } = space else { return unlike(space, images) };
    let mut generator = Generator::new(7, Purpose::Synthetic);
    let background: Vec<u8> = (0..side * side).map(|_| generator.below(256) as u8).collect();
    let mut frame = || {
        let mut frame = background.clone();
        let (top, left) = (generator.below(side - 6), generator.below(side / 3));
        frame.chunks_exact_mut(side).skip(top).take(6).for_each(|row| row[left..left + 6].fill(200));
        frame
    };
    Observations::Pixels((0..images * stack).flat_map(|_| frame()).collect())
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()))
}

const ATOMS: Head = Head::Categorical(Support { atoms: 5, value_min: -2.0, value_max: 2.0 });

/// Every head, with and without its noise drawn.
fn designs(kind: NetworkKind) -> Vec<(Design, bool)> {
    let plain = kind.plain();
    let everything = Design { dueling: true, noisy: true, head: ATOMS, ..plain };
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

/// Dense networks with their own layers, activations and forms of dueling, with and without noise.
fn dense_designs() -> Vec<(Design, bool)> {
    let layers = |widths: &[u32]| Design { layers: Widths::new(widths).unwrap(), ..NetworkKind::Mlp.plain() };
    let elu = Design { activation: Activation::Elu, ..layers(&[64, 64]) };
    let dueling = Design { dueling: true, dueling_hidden: false, ..elu };
    let maximum = Design { dueling_form: DuelingForm::Maximum, ..dueling };
    vec![
        (layers(&[5]), false),
        (layers(&[9, 70, 33]), false),
        (elu, false),
        (dueling, false),
        (maximum, false),
        (Design { dueling_hidden: true, activation: Activation::Relu, ..maximum }, false),
        (Design { noisy: true, head: ATOMS, ..maximum }, true),
        (Design { head: Head::Policy, ..elu }, false),
    ]
}

fn normed(design: Design) -> Design {
    Design { norm: NormKind::Channels, ..design }
}

fn draw(architecture: &Architecture) -> Vec<f32> {
    let mut noise = vec![0.0; architecture.noise_len()];
    draw_noise(&mut Generator::new(6, Purpose::Noise), &mut noise);
    noise
}

/// Pulls the outputs of one action of each transition to its target, in a batch of up to 32.
fn pull_to(targets: &[f32]) -> Loss<'_> {
    const ACTIONS: [u8; 32] =
        [0, 1, 2, 1, 0, 2, 1, 0, 0, 1, 2, 1, 0, 2, 1, 0, 0, 1, 2, 1, 0, 2, 1, 0, 0, 1, 2, 1, 0, 2, 1, 0];
    // A categorical head has five targets for each of 32 transitions.
    let actions = &ACTIONS[..targets.len().min(32)];
    Loss { kind: LossKind::Clipped, actions, targets, weights: &[1.0; 32], gradient_scale: 1.0, norm_limit: None }
}

/// The CPU's own network against candle's convolution and autograd: outputs, gradients by parameter array. Parameters are
/// drawn until no ReLU's input is so near 0 that the rounding of the two networks could differ in its sign.
#[test]
fn the_cpu_network_equals_candles_forward_and_backward() {
    let mut cases = Vec::new();
    for (kind, images) in [(NetworkKind::Cpu, 11), (NetworkKind::Small, 9), (NetworkKind::Mlp, 9)] {
        cases.extend(designs(kind).into_iter().map(|(design, drawn)| (design, drawn, usual_space(kind), images)));
    }
    let [nature, nips, small, cpu, mlp] =
        [NetworkKind::Nature, NetworkKind::Nips, NetworkKind::Small, NetworkKind::Cpu, NetworkKind::Mlp]
            .map(NetworkKind::plain);
    cases.extend(dense_designs().into_iter().map(|(design, drawn)| (design, drawn, Space::Numbers(8), 64)));
    cases.extend(dense_designs().into_iter().map(|(design, drawn)| (design, drawn, Space::States(6), 5)));
    let elu = |design: Design| Design { activation: Activation::Elu, ..design };
    cases.extend([
        (elu(nature), false, PICTURES, 3),
        (elu(cpu), false, PICTURES, 11),
        (elu(Design { dueling: true, dueling_hidden: false, ..small }), false, PICTURES, 20),
        (nature, false, PICTURES, 11),
        (designs(NetworkKind::Nature)[5].0, true, PICTURES, 3),
        (Design { dueling: true, ..nips }, false, PICTURES, 9),
        (normed(nature), false, PICTURES, 11),
        (normed(nature), false, PICTURES, 2),
        (normed(small), false, PICTURES, 20),
        (normed(cpu), false, PICTURES, 9),
        (normed(mlp), false, Space::Numbers(7), 9),
        (small, false, PICTURES, 32),
        (small, false, PICTURES, 1),
        (small, false, Space::Pixels { stack: 1, side: 84 }, 9),
        (nature, false, Space::Pixels { stack: 2, side: 44 }, 9),
        (cpu, false, Space::Pixels { stack: 3, side: 50 }, 12),
        (Design { noisy: true, ..mlp }, true, Space::Pixels { stack: 2, side: 10 }, 9),
        (mlp, false, Space::Numbers(7), 1),
        (mlp, false, Space::Numbers(1), 64),
    ]);
    const ROUNDING: f64 = 5e-7;
    let pictures: [fn(Space, usize) -> Observations; 2] = [unlike, alike];
    for ((design, drawn, space, images), pictures) in
        cases.into_iter().flat_map(|case| pictures.map(|make| (case, make)))
    {
        let architecture = Architecture::new(design, space, 6).unwrap();
        let observations = pictures(space, images);
        let observations = observations.seen();
        let noise = draw(&architecture);
        let noise = drawn.then_some(noise.as_slice());
        let mut generator = Generator::new(3, Purpose::Weights);
        let parameters = loop {
            let parameters = Parameters::initial(architecture.clone(), &mut generator);
            if plain::nearest_kink(&parameters, noise, observations) > ROUNDING {
                break parameters;
            }
        };
        let mut network = CpuNetwork::new(&parameters);
        assert_eq!(network.parameters(), parameters, "stored and restored");
        let mut reference = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
        if drawn {
            network.set_noise(noise);
            reference.set_noise(noise).unwrap();
        }

        let mut workspace = Workspace::default();
        let outputs = workspace.forward(&network, observations).unwrap().to_vec();
        assert_eq!(outputs.len(), images * architecture.outputs());
        let graph = reference.forward(observations).unwrap();
        let expected: Vec<f32> = graph.flatten_all().unwrap().to_vec1().unwrap();
        for (got, want) in outputs.iter().zip(&expected) {
            assert!((got - want).abs() < 2e-6 * largest(&expected).max(1.0), "{design:?}: {got}, expected {want}");
        }

        let mut generator = Generator::new(4, Purpose::Synthetic);
        let output_gradient: Vec<f32> = outputs.iter().map(|_| generator.symmetric(1.0)).collect();
        let mut gradient = vec![9.0; parameters.values.len()];
        workspace.backward(&network, observations, &output_gradient, &mut gradient).unwrap();
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
    let kinds = [NetworkKind::Small, NetworkKind::Cpu, NetworkKind::Mlp];
    let with_norm = kinds.map(|kind| (normed(kind.plain()), false));
    let elu = kinds.map(|kind| (Design { activation: Activation::Elu, ..kind.plain() }, false));
    for (design, drawn) in kinds.into_iter().flat_map(designs).chain(with_norm).chain(elu).chain(dense_designs()) {
        let architecture = architecture_of(design, 4);
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
        let noise = draw(&architecture);
        let noise = drawn.then_some(noise.as_slice());
        // A batch large enough to be compared to a base, and one that is too small.
        let images = if [design.kind.plain(), normed(design.kind.plain())].contains(&design) { 9 } else { 2 };
        let observations = alike(architecture.space, images);
        let observations = observations.seen();
        let mut generator = Generator::new(4, Purpose::Synthetic);
        let coefficients: Vec<f32> = (0..images * architecture.outputs()).map(|_| generator.symmetric(1.0)).collect();
        let mut network = CpuNetwork::new(&parameters);
        network.set_noise(noise);
        let mut workspace = Workspace::default();
        let mut gradient = vec![0.0; parameters.values.len()];
        workspace.forward(&network, observations).unwrap();
        workspace.backward(&network, observations, &coefficients, &mut gradient).unwrap();
        let gradient = network.in_stored_order(&gradient);

        let mut values: Vec<f64> = parameters.values.iter().map(|value| f64::from(*value)).collect();
        let mut derivative = |place: usize| {
            let value = values[place];
            let [above, below] = [value + STEP, value - STEP].map(|moved| {
                values[place] = moved;
                let outputs = plain::outputs(&architecture, &values, noise, observations);
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
            let mut places = vec![argmax(&part.iter().map(|x| x.abs()).collect::<Vec<_>>())];
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
fn noise_lasts_until_the_parameters_change_or_it_is_removed() {
    let new = |kind: NetworkKind| -> [Box<dyn Learner>; 2] {
        let architecture = architecture_of(designs(kind)[5].0, 3);
        let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
        [
            Box::new(CpuLearner::new(&parameters, ADAM)),
            Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
        ]
    };
    for mut learner in [NetworkKind::Cpu, NetworkKind::Mlp].into_iter().flat_map(new) {
        let observations = unlike(learner.architecture().space, 2);
        let observations = observations.seen();
        let noise = draw(learner.architecture());
        let means = learner.outputs(Which::Online, observations).unwrap().to_vec();
        learner.set_noise(Which::Online, Some(&noise)).unwrap();
        let noisy = learner.outputs(Which::Online, observations).unwrap().to_vec();
        assert_ne!(noisy, means);
        assert_eq!(learner.outputs(Which::Target, observations).unwrap(), means, "each network has its own noise");
        learner.set_noise(Which::Online, None).unwrap();
        assert_eq!(learner.outputs(Which::Online, observations).unwrap(), means);
        learner.set_noise(Which::Target, Some(&noise)).unwrap();
        assert_eq!(learner.outputs(Which::Target, observations).unwrap(), noisy, "the same draw, the same network");
        learner.move_target(1.0).unwrap();
        assert_eq!(learner.outputs(Which::Target, observations).unwrap(), means);
        learner.set_noise(Which::Online, Some(&noise)).unwrap();
        let no_pull = Loss { actions: &[0, 2], weights: &[0.0; 2], ..pull_to(&[0.2; 10]) };
        learner.update(observations, &no_pull).unwrap();
        assert_eq!(learner.outputs(Which::Online, observations).unwrap(), means, "a gradient of 0 moves nothing");
    }
}

#[test]
fn a_soft_update_moves_the_target_a_fraction_of_the_way() {
    let architecture = architecture_of(NetworkKind::Cpu.plain(), 3);
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

/// A textbook's numbers: online (1, -2), target (0.5, 0), tau 0.001.
#[test]
fn half_the_gap_to_the_online_network_is_gone_after_693_soft_updates() {
    let design = Design { layers: Widths::new(&[1]).unwrap(), ..NetworkKind::Mlp.plain() };
    let architecture = Architecture::new(design, Space::Numbers(1), 1).unwrap();
    let parameters = |two: [f32; 2]| {
        let mut parameters = Parameters::initial(architecture.clone(), &mut Generator::new(1, Purpose::Weights));
        parameters.values[..2].copy_from_slice(&two);
        parameters
    };
    let (online, target) = (CpuNetwork::new(&parameters([1.0, -2.0])), CpuNetwork::new(&parameters([0.5, 0.0])));
    let after = |updates: usize| {
        let mut target = target.clone();
        (0..updates).for_each(|_| target.move_towards(&online, 1e-3));
        let values = target.parameters().values;
        [values[0], values[1]]
    };
    for (updates, [first, second]) in [(1, [0.5005, -0.002]), (1000, [0.816_152_3, -1.264_609_2])] {
        let got = after(updates);
        assert!((got[0] - first).abs() < 2e-5 && (got[1] - second).abs() < 2e-5, "{updates}: {got:?}");
    }
    assert!(after(692)[1] > -1.0 && after(694)[1] < -1.0);
}

/// Batches on both sides of the size at which other threads are woken: the first images have the same outputs, and images whose
/// outputs have no gradient change no sum.
#[test]
fn a_small_batch_has_the_bytes_of_its_part_of_a_large_one() {
    for (design, drawn) in dense_designs() {
        let space = Space::Numbers(8);
        let architecture = Architecture::new(design, space, 4).unwrap();
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
        let (many, few) = (1024, 64);
        let all = unlike(space, many);
        let noise = draw(&architecture);
        let mut network = CpuNetwork::new(&parameters);
        network.set_noise(drawn.then_some(noise.as_slice()));
        let mut generator = Generator::new(4, Purpose::Synthetic);
        let row = architecture.outputs();
        let mut output_gradient: Vec<f32> = (0..few * row).map(|_| generator.symmetric(1.0)).collect();
        let mut evaluate = |images: usize| {
            let (mut workspace, seen) = (Workspace::default(), all.seen().part(space, 0, images));
            let outputs = workspace.forward(&network, seen).unwrap()[..few * row].to_vec();
            output_gradient.resize(images * row, 0.0);
            let mut gradient = vec![9.0; parameters.values.len()];
            workspace.backward(&network, seen, &output_gradient, &mut gradient).unwrap();
            (outputs, gradient)
        };
        assert!(evaluate(few) == evaluate(many), "{design:?}");
        assert!(network.is_small_for(few), "{design:?}");
    }
}

/// The gradients of the parts of a batch add up to the batch's.
#[test]
fn a_batch_can_be_learned_from_in_parts() {
    let design = Design { head: Head::Policy, ..dense_designs()[2].0 };
    let space = Space::Numbers(8);
    let architecture = Architecture::new(design, space, 3).unwrap();
    let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
    let observations = unlike(space, 24);
    let seen = observations.seen();
    let advantages: Vec<f32> = (0..24).map(|i| i as f32 / 8.0 - 1.0).collect();
    let loss = Loss { gradient_scale: 1.0 / 24.0, ..pull_to(&advantages) };
    let rule = OptimizerRule::RmsProp { learning_rate: LearningRate::constant(1.0), decay: 0.999_999, epsilon: 1.0 };
    let learners = || -> [Box<dyn Learner>; 2] {
        [
            Box::new(CpuLearner::new(&parameters, rule)),
            Box::new(CandleLearner::new(&parameters, rule, &Device::Cpu).unwrap()),
        ]
    };
    for limit in [None, Some(0.01)] {
        for (mut whole, mut parts) in learners().into_iter().zip(learners()) {
            assert_eq!(parts.step(limit).unwrap(), None, "there is nothing to step against");
            let shown = whole.update(seen, &Loss { norm_limit: limit, ..loss }).unwrap();
            let mut mean = 0.0;
            for (first, count) in [(0, 10), (10, 14)] {
                let (actions, targets) = (&loss.actions[first..first + count], &advantages[first..first + count]);
                let part = Loss { actions, targets, ..loss };
                mean += parts.add_gradient(seen.part(space, first, count), &part).unwrap().loss * count as f32 / 24.0;
            }
            assert!((mean - shown.loss).abs() < 1e-5, "{mean}, expected {}", shown.loss);
            let norm = parts.step(limit).unwrap();
            assert_eq!(norm.is_some(), limit.is_some());
            let close = |a: f32, b: f32| (a - b).abs() < 1e-6 + 1e-4 * b.abs();
            assert!(norm.zip(shown.gradient_norm).is_none_or(|(norm, want)| close(norm, want)));
            let values = |learner: &dyn Learner| learner.parameters(Which::Online).unwrap().values;
            let moved = values(&*whole).iter().zip(&parameters.values).any(|(new, old)| (new - old).abs() > 1e-4);
            assert!(moved, "{limit:?}");
            for (got, want) in values(&*parts).iter().zip(values(&*whole)) {
                assert!((got - want).abs() < 1e-6, "{got}, expected {want}");
            }
            // A part that fails takes the others with it.
            parts.add_gradient(seen, &loss).unwrap();
            let before = values(&*parts);
            let wrong = Loss { actions: &[0], targets: &[f32::NAN], ..loss };
            assert!(parts.add_gradient(seen.part(space, 0, 1), &wrong).unwrap_err().is::<NotFinite>());
            assert_eq!(parts.step(limit).unwrap(), None);
            assert_eq!(values(&*parts), before);
        }
    }
}

/// Adam's first step is the learning rate for every gradient that is not tiny: with RMSProp's fixed denominator the
/// step shows the gradient's length.
#[test]
fn a_clipped_gradient_makes_a_smaller_step_of_the_same_direction() {
    let rule = OptimizerRule::RmsProp { learning_rate: LearningRate::constant(1.0), decay: 0.999_999, epsilon: 1.0 };
    let parameters =
        Parameters::initial(architecture_of(NetworkKind::Cpu.plain(), 3), &mut Generator::new(3, Purpose::Weights));
    let observations = unlike(PICTURES, 2);
    let observations = observations.seen();
    let step = |learner: &mut dyn Learner, limit: Option<f32>| {
        let loss = Loss { norm_limit: limit, ..pull_to(&[-100.0; 2]) };
        let norm = learner.update(observations, &loss).unwrap().gradient_norm;
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
    let architecture = architecture_of(NetworkKind::Small.plain(), 3);
    let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
    let observations = unlike(PICTURES, 4);
    let observations = observations.seen();
    let mut learners: [Box<dyn Learner>; 2] = [
        Box::new(CpuLearner::new(&parameters, ADAM)),
        Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
    ];
    let results: Vec<Vec<f32>> = learners
        .iter_mut()
        .map(|learner| {
            let before = learner.outputs(Which::Target, observations).unwrap().to_vec();
            for _ in 0..3 {
                learner.update(observations, &pull_to(&[1.0; 4])).unwrap();
            }
            assert_eq!(learner.outputs(Which::Target, observations).unwrap(), before);
            let online = learner.outputs(Which::Online, observations).unwrap().to_vec();
            learner.move_target(1.0).unwrap();
            assert_eq!(learner.outputs(Which::Target, observations).unwrap(), online);
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
        (NetworkKind::Nature.plain(), None, unlike(PICTURES, 32)),
        (NetworkKind::Nature.plain(), None, alike(PICTURES, 32)),
        (normed(NetworkKind::Nature.plain()), None, alike(PICTURES, 32)),
        (Design { activation: Activation::Elu, ..NetworkKind::Cpu.plain() }, None, alike(PICTURES, 32)),
        (designs(NetworkKind::Nature)[5].0, Some(0.1), alike(PICTURES, 32)),
        (designs(NetworkKind::Mlp)[5].0, Some(0.1), unlike(usual_space(NetworkKind::Mlp), 32)),
    ] {
        let architecture = architecture_of(design, 4);
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
        let noise = draw(&architecture);
        let targets = vec![0.2; 32 * design.head.width()];
        let loss = Loss { norm_limit, ..pull_to(&targets) };
        let observations = observations.seen();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut learner = CpuLearner::new(&parameters, ADAM);
                for _ in 0..2 {
                    learner.set_noise(Which::Online, Some(&noise)).unwrap();
                    learner.update(observations, &loss).unwrap();
                    learner.move_target(0.25).unwrap();
                }
                (learner.parameters(Which::Online).unwrap().values, learner.parameters(Which::Target).unwrap().values)
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5));
    }
}

#[test]
fn observations_of_another_space_are_an_error_and_change_nothing() {
    let parameters =
        Parameters::initial(architecture_of(NetworkKind::Mlp.plain(), 3), &mut Generator::new(3, Purpose::Weights));
    let learners: [Box<dyn Learner>; 2] = [
        Box::new(CpuLearner::new(&parameters, ADAM)),
        Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
    ];
    for mut learner in learners {
        let message = learner.outputs(Which::Online, Seen::Pixels(&[1; 14])).unwrap_err().to_string();
        assert_eq!(message, "14 pixels are not observations for a network that sees 7 numbers");
        assert!(learner.update(Seen::Numbers(&[1.0; 8]), &pull_to(&[1.0])).is_err());
        assert!(learner.update(Seen::Numbers(&[1.0; 7]), &pull_to(&[f32::INFINITY])).unwrap_err().is::<NotFinite>());
        assert_eq!(learner.parameters(Which::Online).unwrap(), parameters);
        assert_eq!(learner.state().unwrap().optimizer.steps, 0);
    }
}
