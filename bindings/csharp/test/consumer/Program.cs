// SPDX-License-Identifier: Apache-2.0
// Uses each way across the boundary once: names, arrays, a model's callback, its exception, a
// schedule of its own.
using Noisewright;

using var context = new NoisewrightContext();
using Schedule schedule = Schedule.FromFunction((double t, ref Coefficients c) =>
    (c.Alpha, c.Sigma) = (t, 1 - t));
using var sampler = new Sampler(context, schedule,
    new SamplerOptions { Spec = Samplers.Heun(), Steps = 4, Rngs = [new Rng(42)] });
var x = new float[8];
sampler.Sample(new Tensor<float>(x, [2, 4]),
    (in Eval eval, ReadOnlyTensor<float> state, Tensor<float> velocity) =>
    {
        for (int i = 0; i < state.Data.Length; i++)
        {
            velocity.Data[i] = -state.Data[i];
        }
    });
bool thrown = false;
try
{
    sampler.Sample(new Tensor<float>(x, [2, 4]),
        (in Eval eval, ReadOnlyTensor<float> state, Tensor<float> velocity) =>
            throw new TimeoutException());
}
catch (TimeoutException)
{
    thrown = true;
}
bool refused = false;
try
{
    _ = new Schedule("nope");
}
catch (NoisewrightException e)
{
    refused = e.Status == Status.NotFound && e.Message.Contains("cosine");
}
bool fine = thrown && refused && x.All(float.IsFinite) && Catalog.Entries(Domain.Sampler).Count > 0;
Console.WriteLine($"{(fine ? "fine" : "WRONG")}: Noisewright {LibraryInfo.Version} from {LibraryInfo.File}");
return fine ? 0 : 1;
