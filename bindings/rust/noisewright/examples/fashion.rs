// SPDX-License-Identifier: Apache-2.0
//! A trained network, in C, that draws clothes, with guidance: the pictures of the demonstration's
//! second act, to the same bits. Each has a stream of random numbers of its own, so that no picture
//! depends on how many are drawn.
//!
//!   fashion LIBFASHION [PER_CLASS [PICTURE.pgm]]
//!
//! LIBFASHION is `build/release/examples/libfashion.so`; PER_CLASS, 1 to 10, is 10.

use std::error::Error;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::mem::{size_of_val, transmute};

use noisewright::{Context, Rng, Sampler, Schedule, Start, TensorMut};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 10;
const MOST: usize = 10;
const NO_LABEL: c_int = 10;
const THREADS: c_uint = 2;

/// `fashion_job` of net.h.
#[repr(C)]
struct Job {
    x: *const f32,
    v: *mut f32,
    t: f32,
    label: c_int,
}

type Run = unsafe extern "C" fn(*const c_void, *const Job, usize, c_uint) -> c_int;

extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// The network's library, which stays loaded until the program ends.
struct Network {
    net: *const c_void,
    run: Run,
    sha256: unsafe extern "C" fn(*const c_void, usize, *mut c_char),
}

impl Network {
    fn load(file: &str) -> Result<Self, Box<dyn Error>> {
        const RTLD_NOW: c_int = 2;
        let file = CString::new(file)?;
        // SAFETY: the names are C strings; the functions have the types of net.h and sha256.h.
        unsafe {
            let library = dlopen(file.as_ptr(), RTLD_NOW);
            if library.is_null() {
                return Err(CStr::from_ptr(dlerror()).to_string_lossy().into());
            }
            let symbol = |name: &CStr| match dlsym(library, name.as_ptr()) {
                found if found.is_null() => Err(format!("{file:?} has no {name:?}")),
                found => Ok(found),
            };
            let weights = symbol(c"fashion_weights")?;
            let size = symbol(c"fashion_weights_end")? as usize - weights as usize;
            let create: unsafe extern "C" fn(*const c_void, usize) -> *const c_void =
                transmute(symbol(c"fashion_net_create")?);
            let net = create(weights, size);
            if net.is_null() {
                return Err("the network's weights cannot be unpacked".into());
            }
            let (run, sha256) = (symbol(c"fashion_net_run")?, symbol(c"sha256_hex")?);
            Ok(Self {
                net,
                run: transmute::<*mut c_void, Run>(run),
                sha256: transmute::<*mut c_void, unsafe extern "C" fn(_, _, _)>(sha256),
            })
        }
    }

    /// Velocities with the labels and without: guidance needs both.
    fn velocities(&self, t: f64, x: &[f32], labelled: &mut [f32], free: &mut [f32]) -> bool {
        let per_class = x.len() / PIXELS / CLASSES;
        let outputs = labelled
            .chunks_exact_mut(PIXELS)
            .zip(free.chunks_exact_mut(PIXELS));
        let jobs: Vec<Job> = x
            .chunks_exact(PIXELS)
            .zip(outputs)
            .enumerate()
            .flat_map(|(i, (x, (labelled, free)))| {
                let job = |v: &mut [f32], label| Job {
                    x: x.as_ptr(),
                    v: v.as_mut_ptr(),
                    t: t as f32,
                    label,
                };
                [job(labelled, (i / per_class) as c_int), job(free, NO_LABEL)]
            })
            .collect();
        // SAFETY: every job has a picture to read and one to write, for the length of the call.
        unsafe { (self.run)(self.net, jobs.as_ptr(), jobs.len(), THREADS) == 0 }
    }

    fn show(&self, what: &str, x: &[f32]) {
        let mut digest = [0u8; 65];
        // SAFETY: the function reads so many bytes and writes 65.
        unsafe {
            (self.sha256)(
                x.as_ptr().cast(),
                size_of_val(x),
                digest.as_mut_ptr().cast(),
            );
        }
        println!("{what:8} sha256 {}", String::from_utf8_lossy(&digest[..64]));
    }
}

/// A grey picture of all pictures, a class a row.
fn write_picture(file: &str, x: &[f32]) -> std::io::Result<()> {
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
    std::fs::write(file, bytes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let per_class: usize = arguments.get(1).map_or(Ok(MOST), |a| a.parse())?;
    let (Some(file), 1..=MOST) = (arguments.first(), per_class) else {
        return Err("usage: fashion LIBFASHION [PER_CLASS, 1 to 10 [PICTURE.pgm]]".into());
    };
    let network = Network::load(file)?;
    let rngs: Vec<Rng> = (0..CLASSES * per_class)
        .map(|i| Rng {
            stream: (i / per_class * MOST + i % per_class) as u64,
            ..Rng::new(42)
        })
        .collect();
    let (context, flow) = (Context::new()?, Schedule::new("linear")?);
    let mut run = Sampler::builder("heun(guidance=2)")
        .steps(12)
        .rngs(&rngs)
        .build(&context, &flow)?;
    let mut pictures = vec![0f32; rngs.len() * PIXELS];
    let mut x = TensorMut::new(&mut pictures, &[rngs.len(), PIXELS])?;
    run.start(&mut x, Start::Prior)?;
    network.show("noise", x.as_slice()?);
    run.run(&mut x, |eval, x, outputs| {
        let [labelled, free] = outputs else {
            return Err("guidance takes two outputs".into());
        };
        let done = network.velocities(
            eval.clock,
            x.as_slice()?,
            labelled.as_mut_slice()?,
            free.as_mut_slice()?,
        );
        if done {
            Ok(())
        } else {
            Err::<(), Box<dyn Error>>("out of memory".into())
        }
    })
    .map_err(|stop| stop.to_string())?;
    let evaluations = run.position()?.index;
    network.show("pictures", &pictures);
    println!("{} pictures, {evaluations} evaluations", rngs.len());
    if let Some(file) = arguments.get(2) {
        write_picture(file, &pictures)?;
    }
    Ok(())
}
