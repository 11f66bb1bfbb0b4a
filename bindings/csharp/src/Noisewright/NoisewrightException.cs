// SPDX-License-Identifier: Apache-2.0
// Owns how the library's refusals look here.
namespace Noisewright;

/// <summary>The library refused a call. Nothing was written and no object has changed.</summary>
public sealed class NoisewrightException : Exception
{
    /// <summary>Makes the exception of a status.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="message">What the library said.</param>
    public NoisewrightException(Status status, string message) : base(message) => Status = status;

    /// <summary>What the call returned. Expect values that this version does not know.</summary>
    public Status Status { get; }
}
