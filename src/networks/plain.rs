//! The network computed directly from its formulas, in f64 and one number at a time: the reference in tests of the fast ones.

use crate::networks::noise::NoisyLayer;
use crate::networks::{Activation, Architecture, DuelingForm, HiddenShape, NormKind, Parameters, NORM_EPSILON};
use crate::observations::Seen;
use std::cell::Cell;

/// The outputs `[images, actions, width]` for `observations`, with these parameters in stored order and this noise, if there
/// is any.
pub fn outputs(architecture: &Architecture, values: &[f64], noise: Option<&[f32]>, observations: Seen<'_>) -> Vec<f64> {
    evaluate(architecture, values, noise, observations).0
}

/// The smallest absolute input of a ReLU for `observations`, or difference between the two largest advantages where the maximum is
/// subtracted. Where it is as small as the rounding of single precision, rounding decides where a gradient passes.
pub fn nearest_kink(parameters: &Parameters, noise: Option<&[f32]>, observations: Seen<'_>) -> f64 {
    let values: Vec<f64> = parameters.values.iter().map(|value| f64::from(*value)).collect();
    evaluate(&parameters.architecture, &values, noise, observations).1
}

/// The outputs and the distance from the nearest kink.
fn evaluate(
    architecture: &Architecture,
    values: &[f64],
    noise: Option<&[f32]>,
    observations: Seen<'_>,
) -> (Vec<f64>, f64) {
    let numbers: Vec<f64> = match observations {
        Seen::Pixels(pixels) => pixels.iter().map(|pixel| f64::from(*pixel) / 255.0).collect(),
        Seen::Numbers(numbers) => numbers.iter().map(|number| f64::from(*number)).collect(),
        Seen::States(states) => {
            let places =
                states.iter().flat_map(|state| (0..architecture.features()).map(move |i| i == *state as usize));
            places.map(|here| f64::from(u8::from(here))).collect()
        }
    };
    let nearest = Cell::new(f64::INFINITY);
    let kink = |distance: f64| nearest.set(nearest.get().min(distance));
    let activate = |x: f64| {
        if architecture.design.activation == Activation::Elu {
            return if x > 0.0 { x } else { x.exp() - 1.0 };
        }
        kink(x.abs());
        // `max` would turn a NaN into 0.
        if x <= 0.0 {
            0.0
        } else {
            x
        }
    };
    let size = if architecture.convolutions.is_empty() { architecture.features() } else { architecture.space.size() };
    let images = numbers.chunks_exact(size);
    let outputs = images.flat_map(|image| of_one(architecture, values, noise, image, (&activate, &kink))).collect();
    (outputs, nearest.get())
}

fn of_one(
    architecture: &Architecture,
    values: &[f64],
    noise: Option<&[f32]>,
    observation: &[f64],
    (activation, kink): (&dyn Fn(f64) -> f64, &dyn Fn(f64)),
) -> Vec<f64> {
    let layout = architecture.layout();
    let array = |name: String| {
        let spec = layout.iter().find(|spec| spec.name == name).expect("a layer of this architecture");
        &values[spec.range()]
    };
    let mut features = observation.to_vec();
    for (i, shape) in architecture.convolutions.iter().enumerate() {
        let (weights, biases) = (array(format!("conv{}.weight", i + 1)), array(format!("conv{}.bias", i + 1)));
        let (side, out_side, kernel) = (shape.in_side, shape.out_side(), shape.kernel);
        let mut output = Vec::with_capacity(shape.output_len());
        for (weights, bias) in weights.chunks_exact(shape.patch()).zip(biases) {
            for position in 0..shape.positions() {
                let (top, left) = (position / out_side * shape.stride, position % out_side * shape.stride);
                let mut sum = *bias;
                for (plane, weights) in features.chunks_exact(side * side).zip(weights.chunks_exact(kernel * kernel)) {
                    for (row, weights) in weights.chunks_exact(kernel).enumerate() {
                        let begin = (top + row) * side + left;
                        sum += weights.iter().zip(&plane[begin..begin + kernel]).map(|(w, x)| w * x).sum::<f64>();
                    }
                }
                output.push(sum);
            }
        }
        if architecture.design.norm == NormKind::Channels {
            // The channels of a position are `positions` numbers apart.
            let norm = [array(format!("conv{}_norm.weight", i + 1)), array(format!("conv{}_norm.bias", i + 1))];
            for position in 0..shape.positions() {
                let mut channels: Vec<f64> = output.iter().skip(position).step_by(shape.positions()).copied().collect();
                normalize(&mut channels, norm);
                let places = output.iter_mut().skip(position).step_by(shape.positions());
                places.zip(channels).for_each(|(place, channel)| *place = channel);
            }
        }
        features = output.into_iter().map(activation).collect();
    }

    let mut noisy_layers = architecture.noisy_layers().into_iter();
    let mut dense = |name: &str, input: &[f64]| -> Vec<f64> {
        let mut weights = array(format!("{name}.weight")).to_vec();
        let mut output = array(format!("{name}.bias")).to_vec();
        if let (Some(NoisyLayer { inputs, outputs }), Some(noise)) = (noisy_layers.next(), noise) {
            let (weight_sigmas, bias_sigmas) =
                (array(format!("{name}.weight_sigma")), array(format!("{name}.bias_sigma")));
            let (inputs, outputs) = (&noise[inputs], &noise[outputs]);
            for (o, out) in outputs.iter().enumerate() {
                for (i, within) in inputs.iter().enumerate() {
                    let place = o * inputs.len() + i;
                    weights[place] += weight_sigmas[place] * f64::from(*out) * f64::from(*within);
                }
                output[o] += bias_sigmas[o] * f64::from(*out);
            }
        }
        for (sum, weights) in output.iter_mut().zip(weights.chunks_exact(input.len())) {
            *sum += weights.iter().zip(input).map(|(w, x)| w * x).sum::<f64>();
        }
        output
    };
    let activate = |name: &str, mut units: Vec<f64>| -> Vec<f64> {
        if architecture.design.norm == NormKind::Channels {
            normalize(&mut units, [array(format!("{name}_norm.weight")), array(format!("{name}_norm.bias"))]);
        }
        units.into_iter().map(activation).collect()
    };
    for HiddenShape { name, .. } in &architecture.shared {
        features = activate(name, dense(name, &features));
    }
    let mut branches = architecture.branches.iter().map(|branch| {
        let hidden = branch.hidden.as_ref().map(|HiddenShape { name, .. }| activate(name, dense(name, &features)));
        dense(branch.output_name, hidden.as_deref().unwrap_or(&features))
    });
    match (branches.next(), branches.next()) {
        (Some(value), Some(advantage)) => {
            let width = value.len();
            let baseline = |atom: usize| {
                let mut advantages: Vec<f64> = advantage.iter().skip(atom).step_by(width).copied().collect();
                if architecture.design.dueling_form == DuelingForm::Mean {
                    return advantages.iter().sum::<f64>() / architecture.actions as f64;
                }
                // Tests have either no NaN here, or a NaN in every advantage.
                advantages.sort_by(|a, b| b.total_cmp(a));
                kink(advantages[0] - advantages.get(1).unwrap_or(&f64::NEG_INFINITY));
                advantages[0]
            };
            (0..advantage.len()).map(|i| value[i % width] + advantage[i] - baseline(i % width)).collect()
        }
        (Some(head), None) => head,
        (None, _) => unreachable!("a network has a branch"),
    }
}

/// LayerNorm (Ba et al. 2016) of `numbers`, with this gain and shift.
pub fn normalize(numbers: &mut [f64], [gain, shift]: [&[f64]; 2]) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let deviation = (variance + f64::from(NORM_EPSILON)).sqrt();
    for ((number, gain), shift) in numbers.iter_mut().zip(gain).zip(shift) {
        *number = gain * (*number - mean) / deviation + shift;
    }
}
