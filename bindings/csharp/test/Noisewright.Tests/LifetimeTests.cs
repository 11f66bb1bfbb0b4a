// SPDX-License-Identifier: Apache-2.0
// Handles: any order of ends, on any thread, while in use.
using System.Runtime.CompilerServices;

namespace Noisewright.Tests;

public class LifetimeTests
{
    [Fact]
    public void A_thousand_cycles_end_in_random_order()
    {
        var random = new Random(1);
        var x = new float[Fixture.Elements];
        for (int i = 0; i < 1000; i++)
        {
            var context = new NoisewrightContext(new ContextOptions { Threads = 1 });
            Schedule schedule = i % 2 == 0 ? new Schedule("cosine") : Schedule.FromFunction(
                (double t, ref Coefficients c) => (c.Alpha, c.Sigma) = (t, 1 - t));
            var sampler = new Sampler(context, schedule, new SamplerOptions
            {
                Spec = "ddim(eta=1)",
                Steps = 2,
                Noise = (_, noise) => noise.As<float>().Data.Clear(),
            });
            IDisposable[] all = [context, schedule, sampler];
            random.Shuffle(all);
            all[0].Dispose();
            if (all[0] != sampler)
            {
                sampler.Sample<float>(new Tensor<float>(x, Fixture.Shape), Fixture.Model);
            }
            // Some are left to the finalizer's thread.
            if (i % 3 != 0)
            {
                all[1].Dispose();
                all[2].Dispose();
                all[1].Dispose();
            }
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [Fact]
    public void Callbacks_are_let_go_with_their_objects()
    {
        WeakReference[] references = [.. Make(true), .. Make(false)];
        for (int i = 0; i < 10 && references.Any(r => r.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.All(references, r => Assert.False(r.IsAlive));
    }

    // Apart from the objects, which a callback that captured them would keep for ever.
    private static CoefficientFunction Function(object held) => (double t, ref Coefficients c) =>
    {
        GC.KeepAlive(held);
        (c.Alpha, c.Sigma) = (t, 1 - t);
    };

    private static SamplerOptions Options(string spec, object held) =>
        new() { Spec = spec, Noise = (_, _) => GC.KeepAlive(held) };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference[] Make(bool dispose)
    {
        object held = new(), drawn = new(), refused = new();
        var context = new NoisewrightContext();
        Schedule schedule = Schedule.FromFunction(Function(held));
        var sampler = new Sampler(context, schedule, Options("ddim(eta=1)", drawn));
        Refuse(refused);
        if (dispose)
        {
            schedule.Dispose();
            context.Dispose();
            sampler.Dispose();
        }
        return [new(held), new(drawn), new(refused)];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Refuse(object held)
    {
        using var context = new NoisewrightContext();
        using var schedule = new Schedule();
        Assert.Throws<NoisewrightException>(() => new Sampler(context, schedule, Options("nope", held)));
        Assert.Throws<NoisewrightException>(() => Schedule.FromFunction(Function(held), 0, double.NaN));
    }

    [Fact]
    public void A_disposed_object_says_so()
    {
        var context = new NoisewrightContext();
        var schedule = new Schedule();
        Sampler sampler = Fixture.MakeSampler(context, schedule);
        context.Dispose();
        schedule.Dispose();
        sampler.Dispose();
        Assert.Throws<ObjectDisposedException>(context.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => schedule.Evaluate(0.5));
        Assert.Throws<ObjectDisposedException>(() => sampler.Next(out _));
    }

    [Fact]
    public void Dispose_during_a_run_waits_for_its_end()
    {
        var context = new NoisewrightContext();
        var schedule = new Schedule();
        float[] whole = Fixture.Sample(context, schedule);
        Sampler sampler = Fixture.MakeSampler(context, schedule);
        var x = new float[Fixture.Elements];
        sampler.Sample(new Tensor<float>(x, Fixture.Shape),
            (in Eval eval, ReadOnlyTensor<float> from, Tensor<float> to) =>
            {
                if (eval.Index == 3)
                {
                    var other = new Thread(() =>
                    {
                        sampler.Dispose();
                        schedule.Dispose();
                        context.Dispose();
                    });
                    other.Start();
                    other.Join();
                }
                Fixture.Model(eval, from, to);
            });
        Assert.Equal(whole, x);
        Assert.Throws<ObjectDisposedException>(() => sampler.Next(out _));
    }

    [Fact]
    public void Threads_share_a_context_and_a_schedule()
    {
        using var context = new NoisewrightContext();
        using var schedule = new Schedule("vp");
        float[] alone = Fixture.Sample(context, schedule, "heun");
        Parallel.For(0, 64, _ => Assert.Equal(alone, Fixture.Sample(context, schedule, "heun")));
    }

    [Fact]
    public void Memory_of_a_context_is_memory()
    {
        var context = new NoisewrightContext();
        using var owner = context.Allocate<float>(Fixture.Elements);
        context.Dispose();
        Span<float> span = owner.GetSpan();
        span.Fill(2);
        Assert.Equal(Fixture.Elements, owner.Memory.Length);
        Assert.Equal(2, owner.Memory.Span[^1]);
        unsafe
        {
            using var pin = owner.Memory.Pin();
            Assert.Equal(0, (nint)pin.Pointer % 64);
        }
        ((IDisposable)owner).Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.GetSpan().Length);
    }
}
