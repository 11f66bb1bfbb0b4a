// SPDX-License-Identifier: Apache-2.0
// Owns every check of a caller's array: nwr_tensor in, Array out.
// Must not know which call the array belongs to.
#pragma once

#include "core/error.hpp"
#include "core/sampler.hpp"
#include "noisewright.h"

namespace noisewright {

enum class Use { read, write };

// Where an array may lie: in memory that the context's device computes on, in memory that the host
// reads, or in either. On the CPU these are the same.
enum class Place { device, host, either };

// Fails unless the tensor is well formed, lies in that place and, if it is written, has no two
// elements in one place.
Array take_tensor(const nwr_tensor* tensor, const Name& name, const Context& context, Use use,
                  Place place = Place::device);
// As take_tensor, for arrays that are computed with: integers are refused.
Array take_numbers(const nwr_tensor* tensor, const Name& name, const Context& context, Use use,
                   Place place = Place::device);

// Fails unless b has the shape, which is that of what is named. With scalar_too a rank-0 b is
// stretched over it.
void match_shape(const Shape& shape, const Name& shape_name, Array& b, const Name& b_name,
                 bool scalar_too);

// Whether two arrays share an element, as far as can be told; exact for slices of one dense array.
bool overlapping(const Array& a, const Array& b);
// Fails if the arrays overlap without being exactly the same view.
void refuse_overlap(const Array& a, const Name& a_name, const Array& b, const Name& b_name);

// Copies between devices, dtypes and strides; to must have from's shape.
void copy_array(const Context& context, Array from, const Name& from_name, const nwr_tensor* to,
                const Name& to_name);

// Whether a tensor of times or diffusions is the device's, which the host does not read.
bool is_on_device(const nwr_tensor* tensor, const Context& context);
// Its numbers for a plan; fails unless it has one, or one a sample, in f32 or f64.
DeviceNumbers take_device_numbers(const nwr_tensor* tensor, const char* name,
                                  const Context& context, int64_t batch);

// The values of a host tensor of times or diffusions: one, or one a sample. Fails on a number that
// is not finite.
std::vector<double> take_values(const nwr_tensor* tensor, const char* name, const Context& context,
                                int64_t batch);

// An array on the context's device as the caller sees it.
nwr_tensor to_tensor(const Array& array, const Context& context);

}  // namespace noisewright
