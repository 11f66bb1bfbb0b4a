// SPDX-License-Identifier: Apache-2.0
// Owns what C calls: one static function for each kind of callback. Nothing may unwind through C,
// so each keeps what it catches for Outcome to throw again.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Noisewright.Interop;

internal static unsafe class Callbacks
{
    internal static void* Hold(object target) => (void*)GCHandle.ToIntPtr(GCHandle.Alloc(target));

    internal static void LetGo(void* user)
    {
        if (user != null)
        {
            GCHandle.FromIntPtr((nint)user).Free();
        }
    }

    private static T Target<T>(void* user) where T : class =>
        Unsafe.As<T>(GCHandle.FromIntPtr((nint)user).Target!);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static void Release(void* user) => LetGo(user);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int Coefficients(void* user, double t, NwrCoeffs* result)
    {
        try
        {
            Target<CoefficientFunction>(user)(t, ref *(Coefficients*)result);
            return 0;
        }
        catch (Exception e)
        {
            return Outcome.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int Noise(void* user, ulong draw, NwrTensor* result)
    {
        try
        {
            Target<NoiseSource>(user)(draw, new TensorRef(View.Of(result)));
            return 0;
        }
        catch (Exception e)
        {
            return Outcome.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int Model(void* user, NwrEval* eval, NwrTensor* x, NwrTensor* outputs)
    {
        try
        {
            return Target<Run>(user).Model(eval, x, outputs);
        }
        catch (Exception e)
        {
            return Outcome.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    internal static int Progress(void* user, NwrEval* eval, NwrTensor* x)
    {
        try
        {
            return Target<Run>(user).Progress(eval);
        }
        catch (Exception e)
        {
            return Outcome.Keep(e);
        }
    }
}

// What one run calls. The token is asked before each evaluation and after each step.
internal abstract unsafe class Run(IProgress<Eval>? progress, CancellationToken cancellation)
{
    private const int GoOn = 0, Cancel = 1;

    internal int Model(NwrEval* eval, NwrTensor* x, NwrTensor* outputs)
    {
        if (cancellation.IsCancellationRequested)
        {
            return Cancel;
        }
        Evaluate(new Eval(eval), x, outputs);
        return GoOn;
    }

    internal int Progress(NwrEval* eval)
    {
        progress?.Report(new Eval(eval));
        return cancellation.IsCancellationRequested ? Cancel : GoOn;
    }

    protected abstract void Evaluate(in Eval eval, NwrTensor* x, NwrTensor* outputs);

    // A model must not write to places that there are not, nor leave one unwritten.
    internal static void Require(in Eval eval, int outputs)
    {
        if (eval.OutputCount != outputs)
        {
            throw new InvalidOperationException(
                $"The evaluation at t = {eval.T} asks for {eval.OutputCount} outputs, but the model " +
                $"writes {outputs}: a GuidedModel writes two, a MultiOutputModel as many as are asked for.");
        }
    }
}

internal sealed unsafe class PlainRun<T>(Model<T> model, IProgress<Eval>? progress,
    CancellationToken cancellation) : Run(progress, cancellation) where T : unmanaged
{
    protected override void Evaluate(in Eval eval, NwrTensor* x, NwrTensor* outputs)
    {
        Require(eval, 1);
        model(eval, new ReadOnlyTensor<T>(View.Of(x)), new Tensor<T>(View.Of(outputs)));
    }
}

internal sealed unsafe class GuidedRun<T>(GuidedModel<T> model, IProgress<Eval>? progress,
    CancellationToken cancellation) : Run(progress, cancellation) where T : unmanaged
{
    protected override void Evaluate(in Eval eval, NwrTensor* x, NwrTensor* outputs)
    {
        Require(eval, 2);
        model(eval, new ReadOnlyTensor<T>(View.Of(x)), new Tensor<T>(View.Of(&outputs[0])),
            new Tensor<T>(View.Of(&outputs[1])));
    }
}

internal sealed unsafe class MultiOutputRun<T>(MultiOutputModel<T> model, IProgress<Eval>? progress,
    CancellationToken cancellation) : Run(progress, cancellation) where T : unmanaged
{
    protected override void Evaluate(in Eval eval, NwrTensor* x, NwrTensor* outputs) =>
        model(eval, new ReadOnlyTensor<T>(View.Of(x)), new ModelOutputs<T>(outputs, eval.OutputCount));
}
