use super::*;
use crate::networks::candle::CandleNetwork;
use crate::networks::cpu::kernels::tests::{levels, with_level};
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::head::{Head, Support};
use crate::networks::{plain, Activation, Design, NetworkKind, NormKind, Parameters};
use crate::observations::{Observations, Space};
use crate::random::{Generator, Purpose};
use candle_core::Device;

const PIXELS: Space = Space::Pixels { stack: 2, side: 44 };

fn networks() -> Vec<(Design, Space)> {
    let head = Head::Categorical(Support { atoms: 5, value_min: -1.0, value_max: 1.0 });
    vec![
        (NetworkKind::Small.plain(), PIXELS),
        (Design { norm: NormKind::Channels, ..NetworkKind::Small.plain() }, PIXELS),
        (Design { dueling: true, noisy: true, head, ..NetworkKind::Small.plain() }, PIXELS),
        (NetworkKind::Nature.plain(), PIXELS),
        (Design { dueling: true, ..NetworkKind::Mlp.plain() }, Space::Numbers(7)),
        (Design { activation: Activation::Elu, ..NetworkKind::Small.plain() }, PIXELS),
        (Design { activation: Activation::Elu, ..NetworkKind::Mlp.plain() }, Space::Numbers(7)),
    ]
}

/// Nine observations: enough for the CPU's network to compare them with a base picture. Two are different.
fn observations(space: Space, generator: &mut Generator) -> (Observations, Observations) {
    match space {
        Space::Pixels { .. } => {
            let mut first: Vec<u8> = (0..space.size()).map(|_| generator.below(256) as u8).collect();
            let mut second = first.clone();
            second[40] ^= 255;
            let two = [first.clone(), second.clone()].concat();
            second.extend(first.repeat(7));
            first.extend(second);
            (Observations::Pixels(two), Observations::Pixels(first))
        }
        Space::States(_) => unreachable!("no network here sees states"),
        Space::Numbers(_) => {
            let mut numbers = || (0..space.size()).map(|_| generator.symmetric(2.0)).collect::<Vec<f32>>();
            let (first, second) = (numbers(), numbers());
            let all = [first.clone(), second.clone(), first.repeat(7)].concat();
            (Observations::Numbers([first, second].concat()), Observations::Numbers(all))
        }
    }
}

fn nans(values: impl IntoIterator<Item = f64>) -> Vec<bool> {
    values.into_iter().map(f64::is_nan).collect()
}

/// NaN and infinities in each array of each network: the outputs that are NaN are those of the formulas, with ReLU(NaN) = NaN as
/// in PyTorch. On the CPU at every width of vectors, with and without a base picture, and in candle.
#[test]
fn a_nan_reaches_the_outputs_through_every_layer() {
    let mut generator = Generator::new(1, Purpose::Weights);
    for (design, space) in networks() {
        let architecture = Architecture::new(design, space, 3).unwrap();
        let outputs = architecture.outputs();
        let sound = Parameters::initial(architecture.clone(), &mut generator);
        let (two, nine) = observations(space, &mut generator);
        let places: Vec<usize> = architecture.layout().iter().map(|spec| spec.offset + spec.len() / 3).collect();
        let mut reached = 0;
        for (place, wrong) in places.iter().flat_map(|place| [f32::NAN, f32::INFINITY].map(|wrong| (*place, wrong))) {
            let mut parameters = sound.clone();
            parameters.values[place] = wrong;
            let values: Vec<f64> = parameters.values.iter().map(|value| f64::from(*value)).collect();
            let of_two = nans(plain::outputs(&architecture, &values, None, two.seen()));
            let of_nine = [&of_two[..], &of_two[..outputs].repeat(7)].concat();
            reached += usize::from(of_two.contains(&true));
            let network = CpuNetwork::new(&parameters);
            for level in levels() {
                for (seen, want) in [(two.seen(), &of_two), (nine.seen(), &of_nine)] {
                    let mut workspace = Workspace::default();
                    let got = with_level(level, || workspace.forward(&network, seen).unwrap().to_vec());
                    let got = nans(got.into_iter().map(f64::from));
                    assert!(got == *want, "{design:?}, {wrong} at {place}, {level:?}");
                }
            }
            let network = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
            let got: Vec<f32> = network.forward(two.seen()).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert!(nans(got.into_iter().map(f64::from)) == of_two, "candle: {design:?}, {wrong} at {place}");
        }
        assert!(reached >= places.len() / 2, "{design:?}: only {reached} of {} reach the outputs", 2 * places.len());
    }
}

#[test]
fn the_first_array_that_is_not_finite_is_named() {
    let architecture = Architecture::new(NetworkKind::Small.plain(), PIXELS, 3).unwrap();
    let mut parameters = Parameters::initial(architecture, &mut Generator::new(1, Purpose::Weights));
    assert_eq!(ensure_parameters(&parameters.architecture, &parameters.values), Ok(()));
    let spec = parameters.architecture.layout().into_iter().find(|spec| spec.name == "fc.bias").unwrap();
    parameters.values[spec.offset + 3] = f32::NEG_INFINITY;
    parameters.values[spec.offset + 5] = f32::NAN;
    *parameters.values.last_mut().unwrap() = f32::NAN;
    let message = ensure_parameters(&parameters.architecture, &parameters.values).unwrap_err().to_string();
    assert_eq!(message, "`fc.bias` is not finite: 2 of 128 values are NaN or infinite, the first of them is -inf");
}

#[test]
fn q_values_that_are_not_finite_have_no_best() {
    assert!(ensure_q_values(&[1.0, f32::MAX]).is_ok());
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = ensure_q_values(&[1.0, wrong, f32::NAN]).unwrap_err();
        assert_eq!((error.action, error.actions), (1, 3));
    }
}
