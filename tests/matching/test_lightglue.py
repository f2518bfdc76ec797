"""The layers against plain restatements of their formulas."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from slam.matching.lightglue import Assignment, CrossBlock, FourierEncoding, SelfBlock, normalized, rotated


def test_the_long_side_of_a_picture_spans_minus_one_to_one():
    xy = torch.tensor([[0.0, 0.0], [640.0, 480.0], [320.0, 240.0]])
    expected = torch.tensor([[-1.0, -0.75], [1.0, 0.75], [0.0, 0.0]])
    assert torch.allclose(normalized(xy, torch.tensor([640.0, 480.0])), expected)


def test_pictures_of_a_batch_are_normalized_by_their_own_sizes():
    xy = torch.tensor([[[640.0, 480.0]], [[240.0, 320.0]]])
    sizes = torch.tensor([[640.0, 480.0], [240.0, 320.0]])
    assert torch.allclose(normalized(xy, sizes), torch.tensor([[[1.0, 0.75]], [[0.75, 1.0]]]))


def test_rotated_products_depend_on_the_difference_of_positions_only():
    torch.manual_seed(0)
    encoding, q, k = FourierEncoding(16), torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)
    here, there, shift = torch.randn(1, 1, 2), torch.randn(1, 1, 2), torch.tensor([0.3, -0.7])

    def product(p, s):
        return (rotated(q, encoding(p)) * rotated(k, encoding(s))).sum().item()

    assert product(here, there) == pytest.approx(product(here + shift, there + shift), abs=1e-4)
    assert product(here, there) != pytest.approx(product(here, there + shift), abs=1e-2)


def test_a_channel_pair_is_turned_by_its_frequency_times_the_position():
    encoding = FourierEncoding(4)
    xy = torch.tensor([[[0.25, -0.5]]])
    angle = (encoding.Wr.weight @ xy[0, 0]).tolist()
    turned = rotated(torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]]), encoding(xy))[0, 0, 0].tolist()
    assert turned == pytest.approx([math.cos(angle[0]), math.sin(angle[0]), -math.sin(angle[1]), math.cos(angle[1])])


def test_self_attention_reads_queries_keys_and_values_interleaved_per_head():
    torch.manual_seed(1)
    block, xy, x = SelfBlock(8, 2).eval(), torch.randn(1, 5, 2), torch.randn(1, 5, 8)
    encoding = FourierEncoding(4)(xy)
    with torch.inference_mode():
        qkv, messages = block.Wqkv(x)[0], []
        for head in range(2):
            q, k, v = (qkv[:, 12 * head + part : 12 * head + 12 : 3] for part in range(3))
            q, k = (rotated(t[None, None], encoding)[0, 0] for t in (q, k))
            messages.append((q @ k.T / 2.0).softmax(-1) @ v)
        message = block.out_proj(torch.cat(messages, -1))
        expected = x[0] + block.ffn(torch.cat([x[0], message], -1))
        assert torch.allclose(block(x, encoding, 5)[0], expected, atol=1e-6)


def test_self_attention_does_not_see_the_other_picture():
    torch.manual_seed(2)
    block, xy, x = SelfBlock(8, 1).eval(), torch.randn(1, 7, 2), torch.randn(1, 7, 8)
    encoding, changed = FourierEncoding(8)(xy), x.clone()
    changed[:, 4:] += 1.0
    with torch.inference_mode():
        assert torch.equal(block(x, encoding, 4)[:, :4], block(changed, encoding, 4)[:, :4])


def test_attention_spelt_out_for_training_equals_the_fused_one():
    torch.manual_seed(3)
    block, x = SelfBlock(16, 2), torch.randn(2, 9, 16)
    encoding = FourierEncoding(8)(torch.randn(2, 9, 2))
    with torch.no_grad():
        fused = block(x, encoding, 4)
    assert torch.allclose(block(x, encoding, 4), fused, atol=1e-6)


def test_cross_attention_uses_one_similarity_for_both_directions():
    torch.manual_seed(4)
    block, x = CrossBlock(8, 1).eval(), torch.randn(1, 7, 8)
    with torch.inference_mode():
        qk, v = block.to_qk(x)[0], block.to_v(x)[0]
        similarity = qk[:3] @ qk[3:].T / math.sqrt(8)
        message = block.to_out(torch.cat([similarity.softmax(1) @ v[3:], similarity.T.softmax(1) @ v[:3]]))
        expected = x[0] + block.ffn(torch.cat([x[0], message], -1))
        assert torch.allclose(block(x, 3)[0], expected, atol=1e-6)


def test_cross_attention_in_training_equals_the_fused_one():
    torch.manual_seed(4)
    block, x = CrossBlock(16, 2), torch.randn(2, 9, 16)
    with torch.no_grad():
        fused = block(x, 4)
    assert torch.allclose(block(x, 4), fused, atol=1e-6)


def test_the_assignment_is_the_double_softmax_times_both_matchabilities():
    torch.manual_seed(5)
    head, x = Assignment(8).eval(), torch.randn(1, 7, 8)
    with torch.inference_mode():
        log_p, logits = head(x, 3)
        m, sigma = head.final_proj(x)[0] / 8**0.25, head.matchable(x)[0]
        S = m[:3] @ m[3:].T
        P = S.softmax(1) * S.softmax(0) * sigma[:3, None] * sigma[None, 3:]
        assert torch.allclose(log_p[0].exp(), P, atol=1e-6)
        assert torch.allclose(F.logsigmoid(logits[0]).exp(), sigma, atol=1e-6)


def test_swapping_the_pictures_swaps_the_answer(network):
    torch.manual_seed(6)
    xy, descriptors = torch.rand(1, 11, 2), torch.randn(1, 11, 128)
    order = np.r_[4:11, 0:4]
    with torch.inference_mode():
        head = network.log_assignment["3"]
        forth = head(network.states(xy, descriptors, 4)[-1], 4)[0]
        back = head(network.states(xy[:, order], descriptors[:, order], 7)[-1], 7)[0]
    assert torch.allclose(forth, back.transpose(1, 2), atol=1e-4)
