use super::*;
use crate::networks::cpu::kernels;
use crate::networks::cpu::matrix::tests::{assert_close, numbers};
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::{Architecture, Design, NetworkKind, NormKind, Parameters};
use crate::observations::{Seen, Space};
use crate::random::{Generator, Purpose};

const SIDE: usize = 84;
const SPACE: Space = Space::Pixels { stack: 4, side: SIDE };

fn designs(kind: NetworkKind) -> [Design; 2] {
    [NormKind::None, NormKind::Channels].map(|norm| Design { norm, ..kind.plain() })
}

/// A network whose gains and shifts are not 1 and 0.
fn network(design: Design) -> CpuNetwork {
    let mut generator = Generator::new(1, Purpose::Weights);
    let mut parameters = Parameters::initial(Architecture::new(design, SPACE, 3).unwrap(), &mut generator);
    for spec in parameters.architecture.layout().into_iter().filter(|spec| spec.name.contains("_norm")) {
        parameters.values[spec.range()].iter_mut().for_each(|value| *value += generator.symmetric(0.5));
    }
    CpuNetwork::new(&parameters)
}

/// Stacks of a game's frames: a court with walls, two bats and a ball, all of which move.
fn game(images: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for frame in 0..images + 3 {
        let mut picture = vec![87; SIDE * SIDE];
        picture[..SIDE * 8].fill(142);
        picture[SIDE * 78..].fill(236);
        let mut draw = |top: usize, left: usize, height: usize, width: usize, gray: u8| {
            picture.chunks_exact_mut(SIDE).skip(top).take(height).for_each(|row| row[left..left + width].fill(gray));
        };
        draw(20 + frame * 7 % 40, 8, 8, 2, 148);
        draw(20 + frame * 5 % 40, 74, 8, 2, 148);
        draw(10 + frame * 3 % 60, 12 + frame * 11 % 60, 2, 1, 236);
        frames.push(picture);
    }
    (0..images).flat_map(|image| frames[image..image + 4].concat()).collect()
}

/// Stacks with nothing in common.
fn noise(images: usize) -> Vec<u8> {
    let mut generator = Generator::new(5, Purpose::Synthetic);
    (0..images * SPACE.size()).map(|_| generator.below(256) as u8).collect()
}

#[test]
fn an_images_outputs_have_the_same_bits_in_every_batch_and_with_every_base() {
    for design in [NetworkKind::Small, NetworkKind::Nature, NetworkKind::Cpu].into_iter().flat_map(designs) {
        let network = network(design);
        let pictures = game(64);
        let images: Vec<&[u8]> = pictures.chunks_exact(SPACE.size()).collect();
        let unlike = noise(3);
        let mut workspace = Workspace::default();
        let mut outputs = |batch: &[&[u8]], base: bool| -> Vec<[u32; 3]> {
            let outputs = workspace.forward(&network, Seen::Pixels(&batch.concat())).unwrap();
            let outputs = outputs.chunks_exact(3).map(|row| [0, 1, 2].map(|i| row[i].to_bits())).collect();
            assert_eq!(workspace.convolutions.base.on, base, "{} images", batch.len());
            outputs
        };
        let alone: Vec<[u32; 3]> = images.iter().map(|image| outputs(&[image], false)[0]).collect();
        for (batch, base) in [(3, false), (8, true), (32, true), (64, true)] {
            for first in [0, 64 - batch] {
                let got = outputs(&images[first..first + batch], base);
                assert!(got == alone[first..first + batch], "{design:?}, {batch} images");
            }
        }
        let backwards: Vec<&[u8]> = images.iter().rev().copied().collect();
        assert!(outputs(&backwards, true).iter().rev().eq(&alone), "{design:?}, another base");
        // The first images decide on the base.
        let mixed: Vec<&[u8]> = unlike.chunks_exact(SPACE.size()).chain(images[..13].iter().copied()).collect();
        assert!(outputs(&mixed, false)[3..] == alone[..13], "{design:?}, no base");
    }
}

/// The outputs of `batch`, as bits, from a workspace that keeps a base; they must equal a fresh workspace's.
fn kept_base_outputs(keeping: &mut Workspace, network: &CpuNetwork, batch: &[u8]) -> Vec<u32> {
    let bits = |outputs: &[f32]| outputs.iter().map(|output| output.to_bits()).collect::<Vec<_>>();
    let fresh = bits(Workspace::default().forward(network, Seen::Pixels(batch)).unwrap());
    let kept = bits(keeping.forward(network, Seen::Pixels(batch)).unwrap());
    assert_eq!(kept, fresh, "{:?}", network.architecture().design);
    kept
}

#[test]
fn a_base_that_serves_many_batches_changes_no_bit() {
    for design in [NetworkKind::Small, NetworkKind::Nature].into_iter().flat_map(designs) {
        let (network, pictures) = (network(design), game(20));
        let mut keeping = Workspace::default().keeping_base();
        for (first, images) in [(0, 1), (1, 3), (4, 1), (5, 9), (14, 2)] {
            kept_base_outputs(&mut keeping, &network, &pictures[first * SPACE.size()..][..images * SPACE.size()]);
            assert!(keeping.convolutions.base.on, "{images} images");
        }
        // Another picture has nothing in common with it, and becomes the base after a while.
        let unlike = noise(1)[..SIDE * SIDE].repeat(4);
        for batch in 5..=LEAST_BATCHES {
            kept_base_outputs(&mut keeping, &network, &unlike);
            assert!(!keeping.convolutions.base.on, "batch {batch}");
        }
        let before = kept_base_outputs(&mut keeping, &network, &unlike);
        assert!(keeping.convolutions.base.on);
        // Other parameters.
        let mut parameters = network.parameters();
        parameters.values.iter_mut().for_each(|value| *value *= 1.25);
        keeping.forget_base();
        assert_ne!(kept_base_outputs(&mut keeping, &CpuNetwork::new(&parameters), &unlike), before);
    }
}

/// The outputs and the gradient of a batch, as bits.
fn bits(network: &CpuNetwork, observations: &[u8]) -> Vec<u32> {
    bits_in(&mut Workspace::default(), network, observations)
}

/// The same in this workspace.
fn bits_in(workspace: &mut Workspace, network: &CpuNetwork, observations: &[u8]) -> Vec<u32> {
    let observations = Seen::Pixels(observations);
    let mut result = workspace.forward(network, observations).unwrap().to_vec();
    let output_gradient = numbers(&mut Generator::new(4, Purpose::Synthetic), result.len());
    let mut gradient = vec![9.0; network.values.len()];
    workspace.backward(network, observations, &output_gradient, &mut gradient).unwrap();
    result.append(&mut gradient);
    result.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn outputs_and_gradients_have_the_same_bits_with_the_vectors_of_every_processor() {
    for design in [NetworkKind::Small, NetworkKind::Cpu].into_iter().flat_map(designs) {
        let network = network(design);
        for observations in [game(9), noise(2)] {
            let by_level = kernels::tests::levels().into_iter().map(|level| {
                let bits = kernels::tests::with_level(level, || bits(&network, &observations));
                (level, bits)
            });
            let by_level: Vec<_> = by_level.collect();
            for (level, bits) in &by_level[1..] {
                assert!(bits == &by_level[0].1, "{design:?}: {level:?} differs from {:?}", by_level[0].0);
            }
        }
    }
}

/// Batches of more and fewer groups, with a base and without one, of several networks.
#[test]
fn a_workspace_gives_the_same_bits_whatever_it_evaluated_before() {
    let mut workspace = Workspace::default();
    let networks: Vec<CpuNetwork> =
        designs(NetworkKind::Small).into_iter().chain(designs(NetworkKind::Cpu)).map(network).collect();
    for (groups, observations) in
        [(10, game(75)), (3, game(3)), (5, game(9)), (8, noise(8)), (8, game(8)), (1, noise(1))]
    {
        for network in &networks {
            assert!(bits_in(&mut workspace, network, &observations) == bits(network, &observations), "{groups} groups");
            let images = observations.len() / SPACE.size();
            assert_eq!(images.div_ceil(workspace.convolutions.group_images), groups);
        }
    }
}

/// Batches too small for a base are convolved whole.
#[test]
fn a_batch_compared_to_a_base_gives_the_results_of_single_images() {
    for design in designs(NetworkKind::Nature) {
        let network = network(design);
        let mut generator = Generator::new(2, Purpose::Synthetic);
        let background: Vec<u8> = (0..SIDE * SIDE).map(|_| generator.below(256) as u8).collect();
        let mut observations = background.repeat(16 * 4);
        for (i, frame) in observations.chunks_exact_mut(SIDE * SIDE).enumerate() {
            frame[SIDE * (10 + i) + 20] ^= 255;
        }
        let gradients: Vec<f32> = (0..16 * 3).map(|_| generator.symmetric(1.0)).collect();

        let mut whole = Workspace::default();
        let outputs = whole.forward(&network, Seen::Pixels(&observations)).unwrap().to_vec();
        let mut gradient = vec![0.0; network.values.len()];
        whole.backward(&network, Seen::Pixels(&observations), &gradients, &mut gradient).unwrap();
        assert!(whole.convolutions.base.on);
        let few =
            whole.convolutions.groups.iter().map(|group| group.differing.iter().filter_map(Differing::few).count());
        assert_eq!(few.collect::<Vec<_>>(), [3; GROUPS], "every convolution keeps its differing rows apart");

        let (mut one_by_one, mut sum) = (Workspace::default(), vec![0.0; gradient.len()]);
        for ((image, want), gradients) in
            observations.chunks_exact(SPACE.size()).zip(outputs.chunks_exact(3)).zip(gradients.chunks_exact(3))
        {
            let image = Seen::Pixels(image);
            assert_eq!(one_by_one.forward(&network, image).unwrap(), want);
            assert!(!one_by_one.convolutions.base.on);
            let mut gradient = vec![0.0; sum.len()];
            one_by_one.backward(&network, image, gradients, &mut gradient).unwrap();
            sum.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += value);
        }
        assert_close(&gradient, &sum, 1e-5);
    }
}
