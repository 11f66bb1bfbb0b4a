// SPDX-License-Identifier: Apache-2.0
//! Handles end in any order, on any thread, and give back what they hold.

use std::alloc::{alloc, dealloc, Layout};
use std::any::Any;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, OnceLock};

use noisewright::{
    Allocator, Context, Device, Distribution, Rng, Sampler, Schedule, Start, TensorMut, TensorRef,
};

/// Numbers without order; Knuth's linear congruential generator.
fn below(state: &mut u64, end: usize) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % end
}

#[test]
fn a_thousand_of_each_end_in_any_order_on_any_thread() {
    let token = Arc::new(());
    let mut state = 1;
    let mut alive: Vec<Box<dyn Any + Send>> = Vec::new();
    for _ in 0..1000 {
        let context = Context::builder().threads(1).build().unwrap();
        let held = token.clone();
        let schedule = Schedule::custom(0.0, 1.0, move |t, c| {
            let _held = &held;
            (c.alpha, c.sigma, c.dalpha, c.dsigma) = (t, 1.0 - t, 1.0, -1.0);
            Ok(())
        });
        let (schedule, held) = (schedule.unwrap(), token.clone());
        let noise = move |_: u64, out: &mut TensorMut<'_>| {
            let _held = &held;
            out.as_mut_slice::<f32>()?.fill(0.5);
            Ok(())
        };
        let builder = Sampler::builder("dpmpp-2m").steps(2).noise(noise);
        let mut sampler = builder.build(&context, &schedule).unwrap();
        let mut data = [0f32; 8];
        let mut x = TensorMut::new(&mut data, &[8]).unwrap();
        sampler.start(&mut x, Start::Prior).unwrap();
        alive.push(Box::new(context));
        alive.push(Box::new(schedule));
        alive.push(Box::new(sampler));
        while alive.len() > 40 {
            let one = alive.swap_remove(below(&mut state, alive.len()));
            if below(&mut state, 4) == 0 {
                std::thread::spawn(move || drop(one)).join().unwrap();
            }
        }
    }
    drop(alive);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_sampler_outlives_what_it_was_made_of() {
    let sampler = {
        let (context, schedule) = (Context::new().unwrap(), Schedule::new("cosine").unwrap());
        Sampler::builder("euler")
            .rng(Rng::new(1))
            .build(&context, &schedule)
    };
    let mut sampler = sampler.unwrap();
    let mut data = [0f32; 8];
    let mut x = TensorMut::new(&mut data, &[8]).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    assert_eq!(sampler.next().unwrap().unwrap().count, Some(50));
    sampler
        .step(&mut x, &TensorRef::new(&[0f32; 8], &[8]).unwrap())
        .unwrap();
}

/// Counts what is out.
#[derive(Default)]
struct Counting(Mutex<(HashMap<usize, Layout>, usize)>);

// SAFETY: memory of the global allocator, of the layout asked for.
unsafe impl Allocator for Counting {
    fn alloc(&self, bytes: usize, align: usize, _: Device, _: *mut c_void) -> *mut c_void {
        let layout = Layout::from_size_align(bytes.max(1), align).unwrap();
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc(layout) };
        let mut out = self.0.lock().unwrap();
        out.0.insert(memory as usize, layout);
        out.1 += 1;
        memory.cast()
    }

    unsafe fn free(&self, memory: *mut c_void, bytes: usize, _: Device, _: *mut c_void) {
        let layout = self
            .0
            .lock()
            .unwrap()
            .0
            .remove(&(memory as usize))
            .expect("ours");
        assert_eq!(layout.size(), bytes.max(1));
        // SAFETY: alloc returned it with this layout.
        unsafe { dealloc(memory.cast(), layout) }
    }
}

#[test]
fn an_allocator_gets_everything_back() {
    static ALLOCATOR: OnceLock<Counting> = OnceLock::new();
    let allocator = ALLOCATOR.get_or_init(Counting::default);
    let context = Context::builder().allocator(allocator).build().unwrap();
    let memory = context.alloc(256).unwrap();
    assert_eq!(memory.as_ptr() as usize % 64, 0);
    {
        // SAFETY: the memory is 64 f32 long, ours alone, and lives as long as the view.
        let view = unsafe {
            TensorMut::from_raw_parts(memory.as_ptr().cast::<f32>(), &[64], None, (Device::Cpu, 0))
        };
        let mut view = view.unwrap();
        context
            .random_fill(Distribution::Uniform, &[Rng::new(1)], &mut view)
            .unwrap();
        assert!(view
            .as_slice::<f32>()
            .unwrap()
            .iter()
            .all(|x| (0.0..1.0).contains(x)));
    }
    drop(memory);
    let schedule = Schedule::new("linear").unwrap();
    let mut sampler = Sampler::builder("heun")
        .rng(Rng::new(1))
        .build(&context, &schedule)
        .unwrap();
    let mut data = [0f32; 8];
    let mut x = TensorMut::new(&mut data, &[8]).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    drop(context);
    assert!(allocator.0.lock().unwrap().1 > 0);
    drop(sampler);
    assert!(allocator.0.lock().unwrap().0.is_empty());
}
