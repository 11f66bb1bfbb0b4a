// SPDX-License-Identifier: Apache-2.0
//! The pictures of examples/c/fashion.c, with the network in ONNX Runtime.
//!
//!   fashion-onnx MODEL.onnx [PER_CLASS [FOLDER]]    1 to 10 pictures of each of ten classes; 10
//!
//! Into FOLDER go pictures.pgm, and the numbers: noise.f32, pictures.f32.

use std::error::Error;
use std::path::Path;

use noisewright::{Context, Rng, Sampler, Schedule, Start, TensorMut, TensorRef};

mod onnxruntime;

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;
const MOST: usize = 10;
const NO_LABEL: i64 = 10;

fn write_numbers(folder: &str, name: &str, x: &[f32]) -> std::io::Result<()> {
    let bytes: Vec<u8> = x.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(Path::new(folder).join(name), bytes)
}

/// A grey picture of all pictures, a class a row.
fn write_picture(folder: &str, x: &[f32]) -> std::io::Result<()> {
    let per_class = x.len() / PIXELS / CLASSES;
    let (width, height) = (per_class * SIDE, CLASSES * SIDE);
    let mut bytes = format!("P5 {width} {height} 255\n").into_bytes();
    for y in 0..height {
        for across in 0..width {
            let picture = y / SIDE * per_class + across / SIDE;
            let v = x[picture * PIXELS + y % SIDE * SIDE + across % SIDE];
            bytes.push(((v + 1.0) * 127.5 + 0.5) as u8);
        }
    }
    std::fs::write(Path::new(folder).join("pictures.pgm"), bytes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let per_class: usize = arguments.get(1).map_or(Ok(MOST), |a| a.parse())?;
    let (Some(model), 1..=MOST) = (arguments.first(), per_class) else {
        return Err("usage: fashion-onnx MODEL.onnx [PER_CLASS, 1 to 10 [FOLDER]]".into());
    };
    let folder = arguments.get(2);
    let network = onnxruntime::Session::load(model)?;
    let count = CLASSES * per_class;
    let labels: Vec<i64> = (0..count).map(|i| (i / per_class) as i64).collect();
    let none = vec![NO_LABEL; count];
    // A stream a picture: none depends on how many are drawn.
    let rngs: Vec<Rng> = (0..count)
        .map(|i| Rng {
            stream: (i / per_class * MOST + i % per_class) as u64,
            ..Rng::new(42)
        })
        .collect();

    let (context, flow) = (Context::new()?, Schedule::new("linear")?);
    let mut sampler = Sampler::builder("heun(guidance=2)")
        .steps(12)
        .rngs(&rngs)
        .build(&context, &flow)?;
    let (shape, of_network) = ([count, PIXELS], [count as i64, SIDE as i64, SIDE as i64]);
    let mut pictures = vec![0f32; count * PIXELS];
    let mut v = [pictures.clone(), pictures.clone()];
    let mut x = TensorMut::new(&mut pictures, &shape)?;
    sampler.start(&mut x, Start::Prior)?;
    if let Some(folder) = folder {
        write_numbers(folder, "noise.f32", x.as_slice()?)?;
    }
    let mut evaluations = 0;
    while let Some(eval) = sampler.next()? {
        let t = vec![eval.clock as f32; count];
        // Velocities with the labels and without: guidance needs both.
        for (v, label) in v.iter_mut().zip([&labels, &none]) {
            network.velocities(&of_network, x.as_slice()?, &t, label, v)?;
        }
        let [labelled, free] = &v;
        let (labelled, free) = (
            TensorRef::new(labelled, &shape)?,
            TensorRef::new(free, &shape)?,
        );
        sampler.step_guided(&mut x, &labelled, &free)?;
        evaluations += 1;
    }
    let version = onnxruntime::version();
    println!("{count} pictures, {evaluations} evaluations, ONNX Runtime {version}");
    if let Some(folder) = folder {
        write_numbers(folder, "pictures.f32", &pictures)?;
        write_picture(folder, &pictures)?;
    }
    Ok(())
}
