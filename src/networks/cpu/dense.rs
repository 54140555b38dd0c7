//! The dense layers of the CPU's network: shared hidden layers, then one branch or two, whose outputs the head combines.
//!
//! Hidden layers are held as `[outputs, images]`, so a block of outputs is one contiguous matrix product.

use crate::networks::cpu::for_each;
use crate::networks::cpu::matrix::{mask_relu, multiply, room, Matrix};
use crate::networks::cpu::plan::{LayerPlan, Plan};
use crate::networks::Architecture;
use rayon::prelude::*;

/// Blocks into which the outputs or inputs of a dense layer are cut.
const BLOCKS: usize = 8;

/// Room for the dense layers of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct DenseSpace {
    shared: Vec<Hidden>,
    branches: Vec<BranchSpace>,
    /// `[images, actions, width]`.
    outputs: Vec<f32>,
}

/// A hidden layer: ReLU of a linear map.
#[derive(Clone, Debug, Default)]
struct Hidden {
    /// `[outputs, images]`.
    output: Vec<f32>,
    gradient: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
struct BranchSpace {
    hidden: Hidden,
    /// `[images, outputs]`.
    output: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl Hidden {
    /// Evaluates the layer for `inputs` `[inputs, images]`. Returns `[outputs, images]`.
    fn forward(&mut self, layer: &LayerPlan, values: &[f32], inputs: Matrix) -> Matrix<'_> {
        let (images, input_len) = (inputs.columns(), layer.inputs());
        let block = layer.outputs().div_ceil(BLOCKS);
        let parts = room(&mut self.output, layer.outputs() * images)
            .chunks_mut(block * images)
            .zip(values[layer.weight.clone()].chunks(block * input_len))
            .zip(values[layer.bias.clone()].chunks(block));
        for_each(images > 1, parts, |((output, weights), bias)| {
            multiply(output, Matrix::new(weights, bias.len(), input_len), inputs, false);
            for (row, &bias) in output.chunks_exact_mut(images).zip(bias) {
                row.iter_mut().for_each(|value| *value = (*value + bias).max(0.0));
            }
        });
        self.matrix(layer, images)
    }

    /// Its output, `[outputs, images]`.
    fn matrix(&self, layer: &LayerPlan, images: usize) -> Matrix<'_> {
        Matrix::new(&self.output, layer.outputs(), images)
    }

    /// Writes the layer's share of the parameters' `gradient`, given the gradient of its output in `self.gradient`, and the
    /// gradient of its inputs, if that is wanted.
    fn backward(
        &mut self,
        layer: &LayerPlan,
        values: &[f32],
        inputs: Matrix,
        gradient: &mut [f32],
        input_gradient: Option<InputGradient>,
    ) {
        let (images, input_len) = (inputs.columns(), layer.inputs());
        let output_gradient = &mut self.gradient[..layer.outputs() * images];
        mask_relu(output_gradient, &self.output);

        let output_gradient = &*output_gradient;
        let block = layer.outputs().div_ceil(BLOCKS);
        let (weight_gradient, bias_gradient) = gradient[layer.means()].split_at_mut(layer.weight.len());
        let parts = weight_gradient
            .par_chunks_mut(block * input_len)
            .zip(bias_gradient.par_chunks_mut(block))
            .zip(output_gradient.par_chunks(block * images));
        parts.for_each(|((weights, bias), output_gradient)| {
            let left = Matrix::new(output_gradient, bias.len(), images);
            multiply(weights, left, inputs.transposed(), false);
            for (sum, row) in bias.iter_mut().zip(output_gradient.chunks_exact(images)) {
                *sum = row.iter().sum();
            }
        });

        let Some(InputGradient { values: input_gradient, add }) = input_gradient else { return };
        let weights = &values[layer.weight.clone()];
        let output_gradient = Matrix::new(output_gradient, layer.outputs(), images);
        let block = input_len.div_ceil(BLOCKS);
        input_gradient.par_chunks_mut(block * images).enumerate().for_each(|(b, part)| {
            let weights = Matrix::strided(&weights[b * block..], layer.outputs(), part.len() / images, input_len);
            multiply(part, weights.transposed(), output_gradient, add);
        });
    }
}

/// The gradient of a layer's inputs, `[inputs, images]`.
struct InputGradient<'a> {
    values: &'a mut [f32],
    /// Whether to add to what another layer has written.
    add: bool,
}

/// The inputs of the layer above the `shared` ones and their gradient, if that is wanted: the last shared layer's output, or
/// the features.
fn below<'a>(
    shared: &'a mut [Hidden],
    plan: &Plan,
    features: Matrix<'a>,
    feature_gradient: Option<&'a mut [f32]>,
) -> (Matrix<'a>, Option<&'a mut [f32]>) {
    match shared.split_last_mut() {
        None => (features, feature_gradient),
        Some((Hidden { output, gradient }, before)) => {
            let (outputs, images) = (plan.shared[before.len()].outputs(), features.columns());
            (Matrix::new(output, outputs, images), Some(room(gradient, outputs * images)))
        }
    }
}

impl DenseSpace {
    /// Evaluates all layers for `features` `[features, images]`. Returns `[images, actions, width]`.
    pub fn forward(&mut self, plan: &Plan, values: &[f32], features: Matrix) -> &[f32] {
        let images = features.columns();
        self.shared.resize_with(plan.shared.len(), Hidden::default);
        self.branches.resize_with(plan.branches.len(), BranchSpace::default);
        let mut inputs = features;
        for (hidden, layer) in self.shared.iter_mut().zip(&plan.shared) {
            inputs = hidden.forward(layer, values, inputs);
        }
        for (space, (hidden_layer, layer)) in self.branches.iter_mut().zip(&plan.branches) {
            let hidden = space.hidden.forward(hidden_layer, values, inputs);
            let bias = &values[layer.bias.clone()];
            let output = room(&mut space.output, images * bias.len());
            let weights = Matrix::new(&values[layer.weight.clone()], bias.len(), layer.inputs());
            multiply(output, hidden.transposed(), weights.transposed(), false);
            for row in output.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        }
        self.combine_branches(&plan.architecture, images);
        &self.outputs[..images * plan.architecture.outputs()]
    }

    /// Writes the dense layers' share of the parameters' `gradient`, given the gradient of the outputs, and the gradient of
    /// `features` `[features, images]`, if that is wanted. Must follow [`forward`](Self::forward) with the same network and
    /// features.
    pub fn backward(
        &mut self,
        plan: &Plan,
        values: &[f32],
        features: Matrix,
        output_gradient: &[f32],
        gradient: &mut [f32],
        mut feature_gradient: Option<&mut [f32]>,
    ) {
        let images = features.columns();
        self.split_gradient(output_gradient, &plan.architecture, images);
        let Self { shared, branches, .. } = self;
        for (i, (space, (hidden_layer, layer))) in branches.iter_mut().zip(&plan.branches).enumerate() {
            let outputs = layer.outputs();
            let output_gradient = Matrix::new(&space.output_gradient, images, outputs);
            let hidden = space.hidden.matrix(hidden_layer, images);
            let weight_gradient = &mut gradient[layer.weight.clone()];
            multiply(weight_gradient, output_gradient.transposed(), hidden.transposed(), false);
            let bias_gradient = &mut gradient[layer.bias.clone()];
            bias_gradient.fill(0.0);
            for row in space.output_gradient[..images * outputs].chunks_exact(outputs) {
                bias_gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let weights = Matrix::new(&values[layer.weight.clone()], outputs, layer.inputs());
            let hidden_gradient = room(&mut space.hidden.gradient, layer.inputs() * images);
            multiply(hidden_gradient, weights.transposed(), output_gradient.transposed(), false);

            let (inputs, input_gradient) = below(shared, plan, features, feature_gradient.as_deref_mut());
            let input_gradient = input_gradient.map(|values| InputGradient { values, add: i > 0 });
            space.hidden.backward(hidden_layer, values, inputs, gradient, input_gradient);
        }
        for (i, layer) in plan.shared.iter().enumerate().rev() {
            let (before, hidden) = shared.split_at_mut(i);
            let (inputs, input_gradient) = below(before, plan, features, feature_gradient.as_deref_mut());
            let input_gradient = input_gradient.map(|values| InputGradient { values, add: false });
            hidden[0].backward(layer, values, inputs, gradient, input_gradient);
        }
    }

    /// Writes the outputs: the output of the only branch, or V + A - mean A, atom by atom if the head has atoms.
    fn combine_branches(&mut self, architecture: &Architecture, images: usize) {
        let (row, width) = (architecture.outputs(), architecture.design.head.width());
        let outputs = room(&mut self.outputs, images * row);
        match self.branches.as_slice() {
            [head] => outputs.copy_from_slice(&head.output[..images * row]),
            [value, advantage] => {
                let rows = outputs.chunks_exact_mut(row).zip(value.output.chunks_exact(width));
                for ((outputs, values), advantages) in rows.zip(advantage.output.chunks_exact(row)) {
                    for (atom, value) in values.iter().enumerate() {
                        let advantages = advantages[atom..].iter().step_by(width);
                        let mean = advantages.clone().sum::<f32>() / architecture.actions as f32;
                        for (output, advantage) in outputs[atom..].iter_mut().step_by(width).zip(advantages) {
                            *output = value + advantage - mean;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }

    /// Writes the gradients of the branches' outputs, given the gradient of the network's outputs.
    fn split_gradient(&mut self, gradient: &[f32], architecture: &Architecture, images: usize) {
        let (row, width) = (architecture.outputs(), architecture.design.head.width());
        match self.branches.as_mut_slice() {
            [head] => room(&mut head.output_gradient, images * row).copy_from_slice(gradient),
            [value, advantage] => {
                let values = room(&mut value.output_gradient, images * width);
                let advantages = room(&mut advantage.output_gradient, images * row);
                let rows = gradient.chunks_exact(row).zip(values.chunks_exact_mut(width));
                for ((gradient, values), advantages) in rows.zip(advantages.chunks_exact_mut(row)) {
                    for (atom, value) in values.iter_mut().enumerate() {
                        let outputs = gradient[atom..].iter().step_by(width);
                        *value = outputs.clone().sum();
                        let mean = *value / architecture.actions as f32;
                        for (advantage, output) in advantages[atom..].iter_mut().step_by(width).zip(outputs) {
                            *advantage = output - mean;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::head::{Head, Support};
    use crate::networks::{Design, NetworkKind};
    use crate::observations::Space;

    fn dueling(head: Head) -> Architecture {
        let design = Design { dueling: true, head, ..NetworkKind::Mlp.plain() };
        Architecture::new(design, Space::Numbers(2), 3).unwrap()
    }

    fn space(outputs: [Vec<f32>; 2]) -> DenseSpace {
        let branches = outputs.map(|output| BranchSpace { output, ..BranchSpace::default() }).to_vec();
        DenseSpace { branches, ..DenseSpace::default() }
    }

    /// Advantages 1, 2 and 6 have the mean 3.
    #[test]
    fn dueling_adds_an_actions_advantage_over_the_mean_to_the_value() {
        let architecture = dueling(Head::Expected);
        let mut space = space([vec![10.0, -1.0], vec![1.0, 2.0, 6.0, 0.0, 0.0, 3.0]]);
        space.combine_branches(&architecture, 2);
        assert_eq!(space.outputs, [8.0, 9.0, 13.0, -2.0, -2.0, 1.0]);
        space.split_gradient(&[3.0, 0.0, 0.0, 1.0, 1.0, 1.0], &architecture, 2);
        assert_eq!(space.branches[0].output_gradient, [3.0, 3.0]);
        assert_eq!(space.branches[1].output_gradient, [2.0, -1.0, -1.0, 0.0, 0.0, 0.0]);
    }

    /// Two atoms: the advantages of the first are 1, 2 and 6, of the second 0, 3 and 3.
    #[test]
    fn dueling_with_atoms_does_so_atom_by_atom() {
        let architecture = dueling(Head::Categorical(Support { atoms: 2, value_min: 0.0, value_max: 1.0 }));
        let mut space = space([vec![10.0, 20.0], vec![1.0, 0.0, 2.0, 3.0, 6.0, 3.0]]);
        space.combine_branches(&architecture, 1);
        assert_eq!(space.outputs, [8.0, 18.0, 9.0, 21.0, 13.0, 21.0]);
        space.split_gradient(&[0.0, 3.0, 3.0, 0.0, 0.0, 0.0], &architecture, 1);
        assert_eq!(space.branches[0].output_gradient, [3.0, 3.0]);
        assert_eq!(space.branches[1].output_gradient, [-1.0, 2.0, 2.0, -1.0, -1.0, -1.0]);
    }
}
