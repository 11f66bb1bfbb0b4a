// SPDX-License-Identifier: Apache-2.0
// Owns the three handles' lifetimes and how a status becomes an exception.
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Noisewright.Interop;

// The library counts references inside, so finalizers may destroy in any order and on any thread.
internal sealed unsafe class ContextHandle() : SafeHandleZeroOrMinusOneIsInvalid(true)
{
    internal void Take(void* made) => SetHandle((nint)made);

    protected override bool ReleaseHandle()
    {
        Native.ContextDestroy((void*)handle);
        return true;
    }
}

internal sealed unsafe class ScheduleHandle() : SafeHandleZeroOrMinusOneIsInvalid(true)
{
    internal void Take(void* made) => SetHandle((nint)made);

    protected override bool ReleaseHandle()
    {
        Native.ScheduleDestroy((void*)handle);
        return true;
    }
}

internal sealed unsafe class SamplerHandle() : SafeHandleZeroOrMinusOneIsInvalid(true)
{
    internal void Take(void* made) => SetHandle((nint)made);

    protected override bool ReleaseHandle()
    {
        Native.SamplerDestroy((void*)handle);
        return true;
    }
}

// A handle for the length of a call: Dispose on another thread waits for its end.
internal readonly unsafe ref struct Lease
{
    private readonly SafeHandle _handle;

    internal Lease(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    internal void* Pointer => (void*)_handle.DangerousGetHandle();

    public void Dispose() => _handle.DangerousRelease();
}

internal static unsafe class Outcome
{
    // What a callback threw on this thread. Callbacks run on the thread of the call that they end.
    [ThreadStatic]
    private static ExceptionDispatchInfo? t_thrown;

    internal static int Keep(Exception exception)
    {
        t_thrown = ExceptionDispatchInfo.Capture(exception);
        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Status Check(Status status)
    {
        if (status < 0)
        {
            Throw(status);
        }
        return status;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(Status status)
    {
        string message = Text(Native.LastError())!;
        ExceptionDispatchInfo? thrown = t_thrown;
        t_thrown = null;
        if (status == Status.Callback)
        {
            thrown?.Throw();
        }
        throw new NoisewrightException(status, message);
    }

    internal static string? Text(byte* text) => Marshal.PtrToStringUTF8((nint)text);
}
