/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the size of every public struct and the place of every field, for comparison with
 * layout.txt, and fails where a struct has padding: zeroing it would not be total.
 */
#include <noisewright.h>
#include <stdio.h>

static const char* current;
static size_t next_offset;
static int failures;

static void begin(const char* name, size_t size) {
  printf("struct %s %u\n", name, (unsigned)size);
  current = name;
  next_offset = 0;
}

static void field(const char* name, size_t offset, size_t size) {
  printf("  %s %u %u\n", name, (unsigned)offset, (unsigned)size);
  if (offset != next_offset) {
    fprintf(stderr,
            "%s.%s: at %u, but the fields before it end at %u: padding, or a field that "
            "this file does not list\n",
            current, name, (unsigned)offset, (unsigned)next_offset);
    ++failures;
  }
  next_offset = offset + size;
}

static void end(size_t size) {
  if (size != next_offset) {
    fprintf(stderr, "%s: %u bytes, but its fields end at %u\n", current, (unsigned)size,
            (unsigned)next_offset);
    ++failures;
  }
}

#define STRUCT(type) begin(#type, sizeof(type))
#define FIELD(type, name) field(#name, offsetof(type, name), sizeof(((type*)0)->name))
#define END(type) end(sizeof(type))
#define ENUM(type) printf("enum %s %u\n", #type, (unsigned)sizeof(type))

int main(void) {
  STRUCT(nwr_tensor);
  FIELD(nwr_tensor, data);
  FIELD(nwr_tensor, device);
  FIELD(nwr_tensor, device_id);
  FIELD(nwr_tensor, ndim);
  FIELD(nwr_tensor, dtype);
  FIELD(nwr_tensor, shape);
  FIELD(nwr_tensor, strides);
  FIELD(nwr_tensor, byte_offset);
  END(nwr_tensor);

  STRUCT(nwr_entry);
  FIELD(nwr_entry, struct_size);
  FIELD(nwr_entry, value);
  FIELD(nwr_entry, name);
  FIELD(nwr_entry, summary);
  FIELD(nwr_entry, flags);
  FIELD(nwr_entry, param_count);
  FIELD(nwr_entry, order);
  FIELD(nwr_entry, evals_per_step);
  END(nwr_entry);

  STRUCT(nwr_param_info);
  FIELD(nwr_param_info, struct_size);
  FIELD(nwr_param_info, reserved);
  FIELD(nwr_param_info, name);
  FIELD(nwr_param_info, summary);
  FIELD(nwr_param_info, default_value);
  FIELD(nwr_param_info, min);
  FIELD(nwr_param_info, max);
  FIELD(nwr_param_info, choices);
  END(nwr_param_info);

  STRUCT(nwr_param);
  FIELD(nwr_param, name);
  FIELD(nwr_param, value);
  END(nwr_param);

  STRUCT(nwr_context_options);
  FIELD(nwr_context_options, struct_size);
  FIELD(nwr_context_options, flags);
  FIELD(nwr_context_options, device);
  FIELD(nwr_context_options, device_id);
  FIELD(nwr_context_options, stream);
  FIELD(nwr_context_options, threads);
  FIELD(nwr_context_options, reserved);
  FIELD(nwr_context_options, plugin);
  FIELD(nwr_context_options, alloc);
  FIELD(nwr_context_options, free);
  FIELD(nwr_context_options, user);
  END(nwr_context_options);

  STRUCT(nwr_rng);
  FIELD(nwr_rng, seed);
  FIELD(nwr_rng, stream);
  FIELD(nwr_rng, offset);
  END(nwr_rng);

  STRUCT(nwr_random_options);
  FIELD(nwr_random_options, struct_size);
  FIELD(nwr_random_options, flags);
  FIELD(nwr_random_options, what);
  FIELD(nwr_random_options, param_count);
  FIELD(nwr_random_options, name);
  FIELD(nwr_random_options, params);
  FIELD(nwr_random_options, from_level);
  FIELD(nwr_random_options, to_level);
  END(nwr_random_options);

  STRUCT(nwr_coeffs);
  FIELD(nwr_coeffs, alpha);
  FIELD(nwr_coeffs, sigma);
  FIELD(nwr_coeffs, gamma);
  FIELD(nwr_coeffs, dalpha);
  FIELD(nwr_coeffs, dsigma);
  FIELD(nwr_coeffs, gamma_dgamma);
  FIELD(nwr_coeffs, log_alpha);
  FIELD(nwr_coeffs, dlog_alpha);
  FIELD(nwr_coeffs, lambda);
  FIELD(nwr_coeffs, diffusion2);
  END(nwr_coeffs);

  STRUCT(nwr_schedule_options);
  FIELD(nwr_schedule_options, struct_size);
  FIELD(nwr_schedule_options, flags);
  FIELD(nwr_schedule_options, kind);
  FIELD(nwr_schedule_options, param_count);
  FIELD(nwr_schedule_options, name);
  FIELD(nwr_schedule_options, params);
  FIELD(nwr_schedule_options, t_noise);
  FIELD(nwr_schedule_options, t_data);
  FIELD(nwr_schedule_options, table);
  FIELD(nwr_schedule_options, table_count);
  FIELD(nwr_schedule_options, coeffs);
  FIELD(nwr_schedule_options, release);
  FIELD(nwr_schedule_options, user);
  END(nwr_schedule_options);

  STRUCT(nwr_schedule_info);
  FIELD(nwr_schedule_info, struct_size);
  FIELD(nwr_schedule_info, kind);
  FIELD(nwr_schedule_info, spec);
  FIELD(nwr_schedule_info, t_noise);
  FIELD(nwr_schedule_info, t_data);
  END(nwr_schedule_info);

  STRUCT(nwr_weight_options);
  FIELD(nwr_weight_options, struct_size);
  FIELD(nwr_weight_options, flags);
  FIELD(nwr_weight_options, kind);
  FIELD(nwr_weight_options, param_count);
  FIELD(nwr_weight_options, name);
  FIELD(nwr_weight_options, params);
  END(nwr_weight_options);

  STRUCT(nwr_density_options);
  FIELD(nwr_density_options, struct_size);
  FIELD(nwr_density_options, flags);
  FIELD(nwr_density_options, kind);
  FIELD(nwr_density_options, param_count);
  FIELD(nwr_density_options, name);
  FIELD(nwr_density_options, params);
  END(nwr_density_options);

  STRUCT(nwr_grid_options);
  FIELD(nwr_grid_options, struct_size);
  FIELD(nwr_grid_options, flags);
  FIELD(nwr_grid_options, kind);
  FIELD(nwr_grid_options, param_count);
  FIELD(nwr_grid_options, name);
  FIELD(nwr_grid_options, params);
  FIELD(nwr_grid_options, t_begin);
  FIELD(nwr_grid_options, t_end);
  END(nwr_grid_options);

  STRUCT(nwr_operand);
  FIELD(nwr_operand, quantity);
  FIELD(nwr_operand, reserved);
  FIELD(nwr_operand, tensor);
  END(nwr_operand);

  STRUCT(nwr_sampler_options);
  FIELD(nwr_sampler_options, struct_size);
  FIELD(nwr_sampler_options, flags);
  FIELD(nwr_sampler_options, kind);
  FIELD(nwr_sampler_options, prediction);
  FIELD(nwr_sampler_options, name);
  FIELD(nwr_sampler_options, params);
  FIELD(nwr_sampler_options, param_count);
  FIELD(nwr_sampler_options, steps);
  FIELD(nwr_sampler_options, times);
  FIELD(nwr_sampler_options, time_count);
  FIELD(nwr_sampler_options, time_rows);
  FIELD(nwr_sampler_options, rngs);
  FIELD(nwr_sampler_options, rng_count);
  FIELD(nwr_sampler_options, clock);
  FIELD(nwr_sampler_options, noise);
  FIELD(nwr_sampler_options, release);
  FIELD(nwr_sampler_options, user);
  FIELD(nwr_sampler_options, generator);
  END(nwr_sampler_options);

  STRUCT(nwr_eval);
  FIELD(nwr_eval, struct_size);
  FIELD(nwr_eval, index);
  FIELD(nwr_eval, count);
  FIELD(nwr_eval, row_count);
  FIELD(nwr_eval, t);
  FIELD(nwr_eval, clock);
  FIELD(nwr_eval, input_scale);
  FIELD(nwr_eval, t_rows);
  FIELD(nwr_eval, clock_rows);
  FIELD(nwr_eval, input_scale_rows);
  FIELD(nwr_eval, output_count);
  FIELD(nwr_eval, noises);
  END(nwr_eval);

  STRUCT(nwr_callbacks);
  FIELD(nwr_callbacks, struct_size);
  FIELD(nwr_callbacks, flags);
  FIELD(nwr_callbacks, model);
  FIELD(nwr_callbacks, progress);
  FIELD(nwr_callbacks, user);
  END(nwr_callbacks);

  STRUCT(nwr_import_options);
  FIELD(nwr_import_options, struct_size);
  FIELD(nwr_import_options, flags);
  FIELD(nwr_import_options, steps);
  FIELD(nwr_import_options, param_count);
  FIELD(nwr_import_options, params);
  FIELD(nwr_import_options, schedule);
  END(nwr_import_options);

  STRUCT(nwr_import);
  FIELD(nwr_import, struct_size);
  FIELD(nwr_import, prediction);
  FIELD(nwr_import, clock);
  FIELD(nwr_import, start);
  FIELD(nwr_import, clock_scale);
  FIELD(nwr_import, source);
  FIELD(nwr_import, grid);
  FIELD(nwr_import, sampler);
  FIELD(nwr_import, warnings);
  FIELD(nwr_import, warning_count);
  FIELD(nwr_import, steps);
  END(nwr_import);

  ENUM(nwr_status);
  ENUM(nwr_dtype);
  ENUM(nwr_device);
  ENUM(nwr_domain);
  ENUM(nwr_entry_flags);
  ENUM(nwr_distribution);
  ENUM(nwr_schedule_kind);
  ENUM(nwr_weight_kind);
  ENUM(nwr_density_kind);
  ENUM(nwr_grid_kind);
  ENUM(nwr_strength);
  ENUM(nwr_quantity);
  ENUM(nwr_sampler_kind);
  ENUM(nwr_sampler_flags);
  ENUM(nwr_clock);
  ENUM(nwr_start);

  return failures != 0;
}
