// SPDX-License-Identifier: Apache-2.0
//! Owns grids of times, which are plain arrays: one of your own does as well; and the share of one
//! that image-to-image runs.

use std::mem::size_of;

use noisewright_sys as sys;

use crate::error::check;
use crate::open_enum::open_enum;
use crate::{Result, Schedule, Spec};

open_enum! {
    /// Where a run on part of a grid begins: what image-to-image calls strength.
    Strength, nwr_strength, Strength {
        /// The whole part of strength times steps is run: Stable Diffusion.
        Floor = NWR_STRENGTH_FLOOR,
        /// The whole part of steps minus strength times steps is left out: Stable Diffusion 3, FLUX.
        Ceil = NWR_STRENGTH_CEIL,
    }
}

impl Strength {
    /// How many of a grid's steps to leave out: give the sampler the times from there on, and start
    /// it with [`Start::Data`](crate::Start::Data). `strength` is from 0 to 1; where all steps are
    /// left out there is nothing to run. Products are rounded as in Python.
    ///
    /// ```
    /// use noisewright::{Schedule, Strength};
    ///
    /// let times = Schedule::new("vp")?.grid("uniform", 21)?;
    /// let first = Strength::Floor.skip(20, 0.4)?;
    /// assert_eq!(times[first as usize..].len(), 9); // 8 steps
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn skip(self, steps: u32, strength: f64) -> Result<u32> {
        let mut first = 0;
        // SAFETY: first is valid.
        check(unsafe { sys::nwr_grid_skip(self.raw(), steps, strength, &mut first) })?;
        Ok(first)
    }
}

impl Schedule {
    /// Times from noise to data, first to last: one more than the steps.
    ///
    /// ```
    /// let schedule = noisewright::Schedule::new("linear")?;
    /// assert_eq!(schedule.grid("uniform", 5)?, [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn grid(&self, grid: impl Into<Spec>, count: usize) -> Result<Vec<f64>> {
        self.grid_between(grid, count, 0.0, 0.0)
    }

    /// The same between two times; both 0 is the schedule's own ends.
    pub fn grid_between(
        &self,
        grid: impl Into<Spec>,
        count: usize,
        t_begin: f64,
        t_end: f64,
    ) -> Result<Vec<f64>> {
        let name = grid.into().to_c()?;
        let options = sys::nwr_grid_options {
            struct_size: size_of::<sys::nwr_grid_options>() as u32,
            name: name.as_ptr(),
            t_begin,
            t_end,
            ..Default::default()
        };
        let mut times = vec![0.0; count];
        // SAFETY: times has room for count numbers.
        check(unsafe { sys::nwr_grid_fill(self.raw(), &options, times.as_mut_ptr(), count) })?;
        Ok(times)
    }
}
