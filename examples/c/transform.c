/* SPDX-License-Identifier: Apache-2.0
 * Two conversions: score from a noise prediction; SDE drift from a velocity and a score, with an
 * amount of diffusion that has a name. The second once more as numbers, for hosts that do the
 * arithmetic themselves. */
#include <noisewright.h>
#include <stdio.h>

#define N 4

int main(void) {
  float x[N] = {1, 2, 3, 4}, eps[N] = {.1f, .2f, .3f, .4f}, vel[N], score[N], drift[N];
  double t = 0.25, w2 = 0;
  const int64_t shape[] = {1, N};
  nwr_tensor X = {.data = x, .device = NWR_CPU, .ndim = 2, .dtype = NWR_F32, .shape = shape};
  nwr_tensor E = X, V = X, S = X, F = X, T = {.data = &t, .device = NWR_CPU, .dtype = NWR_F64};
  nwr_tensor W = T;
  E.data = eps;
  V.data = vel;
  S.data = score;
  F.data = drift;
  W.data = &w2;
  nwr_context* ctx = NULL;
  nwr_schedule* vp = NULL;
  const nwr_schedule_options how = {.struct_size = sizeof how, .kind = NWR_SCHEDULE_VP};
  int st = nwr_context_create(NULL, &ctx);
  if (!st) st = nwr_schedule_create(&how, &vp);

  const nwr_operand eps_x[] = {{NWR_STATE, 0, &X}, {NWR_NOISE, 0, &E}};
  const nwr_operand out1[] = {{NWR_SCORE, 0, &S}, {NWR_VELOCITY, 0, &V}};
  if (!st) st = nwr_transform_apply(ctx, vp, &T, NULL, eps_x, 2, out1, 2);

  /* w(t)^2 = 2 norm sigma(t) */
  const nwr_weight_options level = {.struct_size = sizeof level,
                                    .name = "diffusion(form=sigma,norm=0.5)"};
  if (!st) st = nwr_schedule_weigh(vp, &level, &t, 1, &w2);

  const nwr_operand v_s[] = {{NWR_VELOCITY, 0, &V}, {NWR_SCORE, 0, &S}};
  const nwr_operand out2[] = {{NWR_DRIFT, 0, &F}};
  if (!st) st = nwr_transform_apply(ctx, vp, &T, &W, v_s, 2, out2, 1);

  double f[2];
  const nwr_quantity q[] = {NWR_VELOCITY, NWR_SCORE};
  if (!st) st = nwr_transform_coeffs(vp, t, w2, q, 2, NWR_DRIFT, f);
  if (st < 0) {
    fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  } else {
    printf("score %.4f  velocity %.4f  drift %.4f = %.2f*velocity %+.2f*score\n", score[0], vel[0],
           drift[0], f[0], f[1]);
  }
  nwr_schedule_destroy(vp);
  nwr_context_destroy(ctx);
  return st < 0;
}
