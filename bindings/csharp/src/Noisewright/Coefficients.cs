// SPDX-License-Identifier: Apache-2.0
// Owns the coefficients of a schedule at one time.
using System.Runtime.InteropServices;

namespace Noisewright;

/// <summary>x_t = alpha data + sigma noise + gamma latent at one time, with derivatives in
/// t.</summary>
[StructLayout(LayoutKind.Sequential)]
public record struct Coefficients
{
    /// <summary>Factor of the data.</summary>
    public double Alpha { get; set; }

    /// <summary>Factor of the noise.</summary>
    public double Sigma { get; set; }

    /// <summary>Factor of the latent.</summary>
    public double Gamma { get; set; }

    /// <summary>Derivative of alpha.</summary>
    public double DAlpha { get; set; }

    /// <summary>Derivative of sigma.</summary>
    public double DSigma { get; set; }

    /// <summary>gamma times its derivative, which stays finite where that does not.</summary>
    public double GammaDGamma { get; set; }

    /// <summary>log(alpha).</summary>
    public double LogAlpha { get; set; }

    /// <summary>Derivative of log(alpha): the drift f of the forward SDE.</summary>
    public double DLogAlpha { get; set; }

    /// <summary>log(alpha/sigma), half the log-SNR.</summary>
    public double Lambda { get; set; }

    /// <summary>The forward SDE's squared diffusion, g^2.</summary>
    public double Diffusion2 { get; set; }
}

/// <summary>The coefficients of a schedule of your own. It may be called from several threads at
/// once; what it throws comes out of the call that asked.</summary>
/// <param name="t">The time.</param>
/// <param name="coefficients">Set alpha and sigma. Gamma and gamma dgamma come in as 0, the rest as
/// NaN: what stays NaN is derived from alpha and sigma, derivatives by differences.</param>
public delegate void CoefficientFunction(double t, ref Coefficients coefficients);
