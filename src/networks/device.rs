//! The device that the network runs on.

use anyhow::{bail, Context, Result};
use candle_core::Device;
use clap::ValueEnum;

/// Where networks are evaluated and trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// CUDA or Metal if this build supports it and there is a device, else the CPU
    #[default]
    Auto,
    /// The CPU
    Cpu,
    /// An NVIDIA GPU (needs a build with --features cuda)
    Cuda,
    /// An Apple GPU (needs a build with --features metal)
    Metal,
}

/// Opens the device asked for; `Auto` takes a GPU if this build supports one and finds it, else the CPU.
pub fn open(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda => cuda(),
        DeviceChoice::Metal => metal(),
        DeviceChoice::Auto => Ok(cuda().or_else(|_| metal()).unwrap_or(Device::Cpu)),
    }
}

/// The device in words.
pub fn describe(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "the CPU",
        Device::Cuda(_) => "an NVIDIA GPU (CUDA)",
        Device::Metal(_) => "an Apple GPU (Metal)",
    }
}

fn cuda() -> Result<Device> {
    if !cfg!(feature = "cuda") {
        bail!(
            "--device cuda: this build has no CUDA support; build it with `cargo build --release --features cuda` \
             (needs NVIDIA's CUDA toolkit), or use --device cpu"
        );
    }
    Device::new_cuda(0).context("--device cuda: no NVIDIA GPU can be opened; use --device cpu")
}

fn metal() -> Result<Device> {
    if !cfg!(feature = "metal") {
        bail!(
            "--device metal: this build has no Metal support; build it on a Mac with \
             `cargo build --release --features metal`, or use --device cpu"
        );
    }
    Device::new_metal(0).context("--device metal: no Apple GPU can be opened; use --device cpu")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    fn a_build_without_gpu_support_says_how_to_get_it() {
        let message = open(DeviceChoice::Cuda).unwrap_err().to_string();
        assert!(message.contains("--features cuda"), "{message}");
        let message = open(DeviceChoice::Metal).unwrap_err().to_string();
        assert!(message.contains("--features metal"), "{message}");
        assert!(open(DeviceChoice::Auto).unwrap().is_cpu());
    }
}
