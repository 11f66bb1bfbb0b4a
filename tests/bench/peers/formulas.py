# SPDX-License-Identifier: Apache-2.0
"""Owns the peers' work: the formulas of the papers, one tensor operation after the other, as users'
samplers write them. Must not know how it is measured, nor the device."""
import torch

A, S, A2, S2 = 0.8, 0.6, 0.9, 0.435889894354


def ddim(x, eps):  # Song et al. 2010.02502, eq. 12, eta 0
    data = (x - S * eps) / A
    return A2 * data + S2 * eps


def ddim_eta(x, eps):  # the same, eta 1
    data = (x - S * eps) / A
    return A2 * data + 0.3 * eps + 0.316 * torch.randn_like(x)


def ddpm(x, eps):  # Ho et al. 2006.11239, algorithm 2, by the posterior's mean
    data = (x - S * eps) / A
    mean = 0.31 * data + 0.68 * x
    return mean + 0.1 * torch.randn_like(x)


def euler(x, eps):  # Karras et al. 2206.00364, algorithm 1
    data = x - 0.7 * eps
    slope = (x - data) / 0.7
    return x + slope * -0.05


def flow_euler(x, v):
    return x + 0.02 * v


def dpmpp_2m(x, eps, before):  # Lu et al. 2211.01095, algorithm 2, with the step before's data
    data = (x - S * eps) / A
    slope = 1.1 * (data - before)
    return 0.7 * x - -0.2 * data - 0.5 * -0.2 * slope, data


def dpmpp_2m_sde(x, eps, before):  # its SDE form, as diffusers writes it
    data = (x - S * eps) / A
    slope = 1.1 * (data - before)
    return 0.6 * x + 0.3 * data + 0.15 * slope + 0.2 * torch.randn_like(x), data


def unipc(x, eps, last, before, older):  # Zhao et al. 2302.04867, order 2: corrector and predictor
    data = (x - S * eps) / A
    slope, rise = 1.1 * (older - before), data - before
    x = 0.8 * last - -0.2 * before - -0.2 * (0.4 * slope + 0.3 * rise)
    slope = 1.1 * (before - data)
    return 0.7 * x - -0.2 * data - -0.2 * 0.5 * slope, x, data


def ddim_threshold(x, eps):  # Saharia et al. 2205.11487, section 2.3, then DDIM
    data = (x - S * eps) / A
    bound = torch.quantile(data.abs(), 0.995, dim=1).clamp(1, 10).unsqueeze(1)
    data = torch.clamp(data, -bound, bound) / bound
    return A2 * data + S2 * eps


def add_noise(x, noise, alpha, sigma):
    return alpha * x + sigma * noise


def guidance(cond, free):
    return free + 7.5 * (cond - free)


def velocity_to_both(x, v):
    return 0.8 * x - 0.6 * v, 0.6 * x + 0.8 * v


def training_batch(data, t):
    noise = torch.randn_like(data)
    return t * data + (1 - t) * noise, data - noise
