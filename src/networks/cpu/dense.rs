//! The dense layers of the CPU's network: shared hidden layers, then one branch or two, whose outputs the head combines.
//!
//! Inputs and outputs of all layers are `[images, units]`, weights `[inputs, outputs]`. So only the gradient of the inputs
//! needs a transposed factor: the gradient of the outputs, which is smaller than the weights.

use crate::networks::cpu::kernels::{Begin, ColumnProduct, End, Left, Right, RowProduct, Rows};
use crate::networks::cpu::matrix::{add_rows, room, transpose, transpose_in_parallel};
use crate::networks::cpu::norm::{Norm, Normalized};
use crate::networks::cpu::plan::{LayerPlan, Plan};
use crate::networks::cpu::{for_each, SMALL};
use crate::networks::{Activation, Architecture, DuelingForm};
use rayon::prelude::*;

/// Blocks into which the outputs or inputs of a dense layer are cut, at most.
const BLOCKS: usize = 8;
/// Fewest images whose gradients are put together by another thread.
const IMAGES: usize = 8;
/// The number of outputs in a block is a multiple of this: whole vectors of every processor.
const OUTPUTS: usize = 32;

/// Room for the dense layers of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct DenseSpace {
    shared: Vec<Hidden>,
    branches: Vec<BranchSpace>,
    /// `[images, actions, width]`.
    outputs: Vec<f32>,
    pub(super) scratch: Scratch,
}

/// A hidden layer: activation of a linear map, perhaps with a norm between them.
#[derive(Clone, Debug, Default)]
struct Hidden {
    /// `[images, outputs]`.
    output: Vec<f32>,
    gradient: Vec<f32>,
    normalized: Normalized,
}

#[derive(Clone, Debug, Default)]
struct BranchSpace {
    /// Unused if the branch has no hidden layer.
    hidden: Hidden,
    /// `[images, outputs]`.
    output: Vec<f32>,
    output_gradient: Vec<f32>,
}

/// A hidden layer's place, and its activation.
type Layer<'a> = (&'a LayerPlan, Activation);

/// Working memory of single products.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// The forward pass wakes no other threads.
    pub(super) one_thread: bool,
    /// The output of a layer, block by block.
    blocks: Vec<f32>,
    /// The transposed gradient of a layer's output.
    transposed: Vec<f32>,
    /// The gradient of a layer's inputs, `[inputs, images]`. The next layer may add to it.
    input_gradient: Vec<f32>,
    /// The same in blocks of inputs, `[images, inputs]` each.
    input_blocks: Vec<f32>,
}

impl Hidden {
    /// Evaluates the layer for `inputs` `[images, inputs]`.
    fn forward(&mut self, (layer, activation): Layer, values: &[f32], inputs: &[f32], scratch: &mut Scratch) {
        let images = inputs.len() / layer.inputs();
        let output = room(&mut self.output, images * layer.outputs());
        let Some(norm) = &layer.norm else {
            linear(layer, values, inputs, activation.end(), output, scratch);
            return activation.finish(output);
        };
        linear(layer, values, inputs, End::Store, output, scratch);
        self.normalized.clear();
        let rows = (0..images).map(|image| image * layer.outputs());
        Norm::new(norm, values).forward(output, rows, &mut self.normalized);
    }

    /// Writes the layer's share of the parameters' `gradient`, given the gradient of its output in `self.gradient`, and the
    /// gradient of its inputs, if that is wanted.
    fn backward(
        &mut self,
        (layer, activation): Layer,
        values: &[f32],
        inputs: &[f32],
        gradient: &mut [f32],
        input_gradient: Option<InputGradient>,
        scratch: &mut Scratch,
    ) {
        let images = inputs.len() / layer.inputs();
        let output_gradient = &mut self.gradient[..layer.outputs() * images];
        activation.mask(output_gradient, &self.output);
        if let Some(norm) = &layer.norm {
            let sums = &mut gradient[norm.gain.start..norm.shift.end];
            sums.fill(0.0);
            let (gain, shift) = sums.split_at_mut(layer.outputs());
            Norm::new(norm, values).backward(&self.normalized, output_gradient, gain, shift);
        }
        linear_backward(layer, values, inputs, output_gradient, gradient, input_gradient, scratch);
    }
}

/// Writes a layer's linear map of `inputs` `[images, inputs]` to `output` `[images, outputs]`.
fn linear(layer: &LayerPlan, values: &[f32], inputs: &[f32], end: End, output: &mut [f32], scratch: &mut Scratch) {
    let (width, images) = (layer.outputs(), output.len() / layer.outputs());
    let block = width.div_ceil(BLOCKS).next_multiple_of(OUTPUTS);
    let (weights, bias) = (&values[layer.weight.clone()], &values[layer.bias.clone()]);
    let product = |first: usize, columns: usize, output: &mut [f32]| {
        let product = RowProduct {
            left: Left::dense(inputs, layer.inputs()),
            rows: images,
            right: Right { values: &weights[first..], columns, stride: width },
            output_rows: Rows::Every(columns),
            begin: Begin::Bias(&bias[first..first + columns]),
            end,
        };
        product.run(output);
    };
    let small = images.saturating_mul(weights.len()) <= SMALL;
    if images == 1 || block >= width || small || scratch.one_thread {
        return product(0, width, output);
    }
    let blocks = room(&mut scratch.blocks, images * width);
    let parts = blocks.chunks_mut(images * block).enumerate();
    for_each(true, parts, |(b, output)| product(b * block, output.len() / images, output));
    for (b, part) in blocks.chunks(images * block).enumerate() {
        let columns = part.len() / images;
        for (output, part) in output.chunks_exact_mut(width).zip(part.chunks_exact(columns)) {
            output[b * block..b * block + columns].copy_from_slice(part);
        }
    }
}

/// Writes a linear map's share of the parameters' `gradient`, and the gradient of its inputs, if that is wanted.
fn linear_backward(
    layer: &LayerPlan,
    values: &[f32],
    inputs: &[f32],
    output_gradient: &[f32],
    gradient: &mut [f32],
    input_gradient: Option<InputGradient>,
    scratch: &mut Scratch,
) {
    let (input_len, width) = (layer.inputs(), layer.outputs());
    let images = output_gradient.len() / width;
    let (weight_gradient, bias_gradient) = gradient[layer.means()].split_at_mut(layer.weight.len());
    let small = images.saturating_mul(layer.weight.len()) <= SMALL;
    let block = if small { input_len } else { input_len.div_ceil(BLOCKS) };
    weight_gradient.par_chunks_mut(block * width).enumerate().for_each(|(b, part)| {
        let rows = Rows::Every(input_len);
        let product = ColumnProduct {
            left: Left { values: &inputs[b * block..], rows, runs: &[0], run: part.len() / width },
            rows: images,
            right: Right::dense(output_gradient, width),
            keep: false,
        };
        product.run(part);
    });
    bias_gradient.fill(0.0);
    add_rows(bias_gradient, output_gradient);

    let Some(InputGradient { values: input_gradient, add, complete }) = input_gradient else { return };
    let Scratch { transposed, input_gradient: sums, input_blocks: blocks, .. } = scratch;
    let weights = &values[layer.weight.clone()];
    let transposed = room(transposed, output_gradient.len());
    match small {
        true => transpose(output_gradient, (images, width), width, transposed),
        false => transpose_in_parallel(output_gradient, (images, width), transposed),
    }
    let transposed = &*transposed;
    let parts = room(sums, input_len * images).par_chunks_mut(block * images);
    let blocks = room(blocks, input_len * images);
    parts.zip(blocks.par_chunks_mut(block * images)).enumerate().for_each(|(b, (part, to))| {
        let rows = part.len() / images;
        let product = RowProduct {
            left: Left::dense(&weights[b * block * width..], width),
            rows,
            right: Right::dense(transposed, images),
            output_rows: Rows::Every(images),
            begin: if add { Begin::Kept } else { Begin::Zero },
            end: End::Store,
        };
        product.run(part);
        // Here, where the product is still in the cache.
        if complete {
            transpose(part, (rows, images), images, to);
        }
    });
    if complete && small {
        input_gradient.copy_from_slice(blocks);
    } else if complete {
        let blocks = &*blocks;
        input_gradient.par_chunks_mut(input_len).enumerate().with_min_len(IMAGES).for_each(|(image, row)| {
            for (b, part) in row.chunks_mut(block).enumerate() {
                let begin = b * block * images + image * part.len();
                part.copy_from_slice(&blocks[begin..begin + part.len()]);
            }
        });
    }
}

/// The gradient of a layer's inputs, `[images, inputs]`.
struct InputGradient<'a> {
    values: &'a mut [f32],
    /// Whether to add to the gradient that another layer has begun.
    add: bool,
    /// Whether no other layer will add to it: only then are `values` written.
    complete: bool,
}

impl DenseSpace {
    /// Evaluates all layers for `features` `[images, features]`. Returns `[images, actions, width]`.
    pub fn forward(&mut self, plan: &Plan, values: &[f32], features: &[f32], images: usize) -> &[f32] {
        let Self { shared, branches, scratch, .. } = self;
        shared.resize_with(plan.shared.len(), Hidden::default);
        branches.resize_with(plan.branches.len(), BranchSpace::default);
        let activation = plan.architecture.design.activation;
        let mut inputs = features;
        for (hidden, layer) in shared.iter_mut().zip(&plan.shared) {
            hidden.forward((layer, activation), values, inputs, scratch);
            inputs = &hidden.output[..images * layer.outputs()];
        }
        for (space, (hidden, layer)) in branches.iter_mut().zip(&plan.branches) {
            let mut inputs = inputs;
            if let Some(hidden) = hidden {
                space.hidden.forward((hidden, activation), values, inputs, scratch);
                inputs = &space.hidden.output[..images * layer.inputs()];
            }
            let output = room(&mut space.output, images * layer.outputs());
            linear(layer, values, inputs, End::Store, output, scratch);
        }
        self.combine_branches(&plan.architecture, images);
        &self.outputs[..images * plan.architecture.outputs()]
    }

    /// Writes the dense layers' share of the parameters' `gradient`, given the gradient of the outputs, and the gradient of the
    /// features `[images, features]`, if that is wanted. Must follow [`forward`](Self::forward) with the same network and
    /// features.
    pub fn backward(
        &mut self,
        plan: &Plan,
        values: &[f32],
        features: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
        mut feature_gradient: Option<&mut [f32]>,
    ) {
        let images = features.len() / plan.architecture.features();
        self.split_gradient(output_gradient, &plan.architecture, images);
        let Self { shared, branches, scratch, .. } = self;
        let (count, activation) = (branches.len(), plan.architecture.design.activation);
        for (space, (hidden, layer)) in branches.iter_mut().zip(&plan.branches) {
            if hidden.is_none() {
                continue;
            }
            let Hidden { output: hidden, gradient: hidden_gradient, .. } = &mut space.hidden;
            let hidden = &hidden[..images * layer.inputs()];
            let output_gradient = &space.output_gradient[..images * layer.outputs()];
            let values_of = room(hidden_gradient, images * layer.inputs());
            let to = InputGradient { values: values_of, add: false, complete: true };
            linear_backward(layer, values, hidden, output_gradient, gradient, Some(to), scratch);
        }
        // One directly after the other, as the second adds to the gradient that the first has left in `scratch`.
        for (i, (space, (hidden, layer))) in branches.iter_mut().zip(&plan.branches).enumerate() {
            let lowest = hidden.as_ref().unwrap_or(layer);
            let (inputs, input_gradient) = below(shared, lowest, images, features, &mut feature_gradient);
            let (add, complete) = (i > 0, i + 1 == count);
            let input_gradient = input_gradient.map(|values| InputGradient { values, add, complete });
            if let Some(hidden) = hidden {
                space.hidden.backward((hidden, activation), values, inputs, gradient, input_gradient, scratch);
            } else {
                let output_gradient = &space.output_gradient[..images * layer.outputs()];
                linear_backward(layer, values, inputs, output_gradient, gradient, input_gradient, scratch);
            }
        }
        for (i, layer) in plan.shared.iter().enumerate().rev() {
            let (lower, hidden) = shared.split_at_mut(i);
            let (inputs, input_gradient) = below(lower, layer, images, features, &mut feature_gradient);
            let input_gradient = input_gradient.map(|values| InputGradient { values, add: false, complete: true });
            hidden[0].backward((layer, activation), values, inputs, gradient, input_gradient, scratch);
        }
    }

    /// Writes the outputs: the output of the only branch, or V + A - mean A or V + A - max A, atom by atom if the head has atoms.
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
                        let baseline = match architecture.design.dueling_form {
                            DuelingForm::Mean => advantages.clone().sum::<f32>() / architecture.actions as f32,
                            DuelingForm::Maximum => advantages.clone().copied().fold(f32::NEG_INFINITY, maximum),
                        };
                        for (output, advantage) in outputs[atom..].iter_mut().step_by(width).zip(advantages) {
                            *output = value + advantage - baseline;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }

    /// Writes the gradients of the branches' outputs, given the gradient of the network's outputs. The gradient of a maximum goes
    /// to the first of the largest advantages.
    fn split_gradient(&mut self, gradient: &[f32], architecture: &Architecture, images: usize) {
        let (row, width) = (architecture.outputs(), architecture.design.head.width());
        match self.branches.as_mut_slice() {
            [head] => room(&mut head.output_gradient, images * row).copy_from_slice(gradient),
            [value, advantage] => {
                let values = room(&mut value.output_gradient, images * width);
                let advantages = room(&mut advantage.output_gradient, images * row);
                let rows = gradient.chunks_exact(row).zip(values.chunks_exact_mut(width));
                let rows = rows.zip(advantages.chunks_exact_mut(row)).zip(advantage.output.chunks_exact(row));
                for (((gradient, values), advantages), forward) in rows {
                    for (atom, value) in values.iter_mut().enumerate() {
                        let outputs = gradient[atom..].iter().step_by(width);
                        *value = outputs.clone().sum();
                        let mean = match architecture.design.dueling_form {
                            DuelingForm::Mean => *value / architecture.actions as f32,
                            DuelingForm::Maximum => 0.0,
                        };
                        for (advantage, output) in advantages[atom..].iter_mut().step_by(width).zip(outputs) {
                            *advantage = output - mean;
                        }
                        if architecture.design.dueling_form == DuelingForm::Maximum {
                            let largest = first_largest(forward[atom..].iter().step_by(width));
                            advantages[atom + largest * width] -= *value;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }
}

/// The inputs of `layer`, the output of the last of the `hidden` layers or the features, and the place of their gradient.
fn below<'a>(
    hidden: &'a mut [Hidden],
    layer: &LayerPlan,
    images: usize,
    features: &'a [f32],
    feature_gradient: &'a mut Option<&mut [f32]>,
) -> (&'a [f32], Option<&'a mut [f32]>) {
    match hidden.last_mut() {
        Some(Hidden { output, gradient, .. }) => {
            let len = images * layer.inputs();
            (&output[..len], Some(room(gradient, len)))
        }
        None => (features, feature_gradient.as_deref_mut()),
    }
}

/// The index of the largest of `numbers`, the first of equal ones; NaN counts as the largest.
fn first_largest<'a>(numbers: impl Iterator<Item = &'a f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &number) in numbers.enumerate() {
        if number > best.1 || (number.is_nan() && !best.1.is_nan()) {
            best = (i, number);
        }
    }
    best.0
}

/// The larger of two numbers; NaN if one of them is.
fn maximum(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() {
        b
    } else {
        a
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

    /// The numbers of a textbook's example: V 1, A (2, 5, -1).
    #[test]
    fn the_maximum_form_subtracts_the_largest_advantage_whose_gradient_is_its_own() {
        let mean = dueling(Head::Expected);
        let mut maximum = mean.clone();
        maximum.design.dueling_form = DuelingForm::Maximum;
        let mut space = space([vec![1.0, 1.0], vec![2.0, 5.0, -1.0, 3.0, 3.0, f32::NAN]]);
        space.combine_branches(&mean, 2);
        assert_eq!(space.outputs[..3], [1.0, 4.0, -2.0]);
        space.combine_branches(&maximum, 2);
        assert_eq!(space.outputs[..3], [-2.0, 1.0, -5.0]);
        assert!(space.outputs[3..].iter().all(|output| output.is_nan()));
        // Q(0) = V + A(0) - A(1), Q(1) = V, Q(2) = V + A(2) - A(1).
        space.branches[1].output[5] = 0.0;
        space.split_gradient(&[1.0, 10.0, 100.0, 1.0, 10.0, 100.0], &maximum, 2);
        assert_eq!(space.branches[0].output_gradient, [111.0, 111.0]);
        assert_eq!(space.branches[1].output_gradient, [1.0, -101.0, 100.0, -110.0, 10.0, 100.0]);
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
