// SPDX-License-Identifier: Apache-2.0
//! Owns grids of times, which are plain arrays: one of your own does as well.

use std::mem::size_of;

use noisewright_sys as sys;

use crate::error::check;
use crate::{Result, Schedule, Spec};

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
