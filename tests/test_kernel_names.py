"""Short names of kernels, and what tells those of one short name apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.kernel_names import short_kernel_name, told_apart
from nsysgap.render.text.kernels import NameCell, kernel_names

ELEMENTWISE = (
    "void at::native::vectorized_elementwise_kernel<(int)4, {}, std::array<char *, (unsigned long)2>>(int, T2)"
)
ADD = ELEMENTWISE.format("at::native::CUDAFunctor_add<float>")
FILL = ELEMENTWISE.format("at::native::FillFunctor<c10::Half>")
RSQRT = ELEMENTWISE.format(
    "at::native::rsqrt_kernel_cuda(at::TensorIteratorBase &)::[lambda() (instance 2)]::op() const"
)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("void at::native::softmax<float, 4>(int)", "softmax"),
        ("void at::native::<unnamed>::indexSelect<c10::Half, long>(int)", "indexSelect"),
        ("void (anonymous namespace)::k(int)", "k"),
        ("my_kernel(float*, int)", "my_kernel"),
        ("nvjet_sm90_hsh_64x8", "nvjet_sm90_hsh_64x8"),
        ("[CUDA memcpy Host-to-Device]", "[CUDA memcpy Host-to-Device]"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_kernel_name(name) == short


def told(*names: str) -> list[str]:
    found = told_apart(names)
    return [str(found[name]) for name in names]


def test_alone_a_short_name_is_enough() -> None:
    assert told(ADD, "nvjet_sm90") == ["vectorized_elementwise_kernel", "nvjet_sm90"]


def test_the_functor_tells_apart() -> None:
    assert told(ADD, FILL) == [
        "vectorized_elementwise_kernel<CUDAFunctor_add<float>>",
        "vectorized_elementwise_kernel<FillFunctor<Half>>",
    ]


def test_a_lambda_is_named_by_its_function() -> None:
    assert told(ADD, RSQRT)[1] == "vectorized_elementwise_kernel<rsqrt_kernel_cuda>"


def test_all_that_differs_where_no_argument_alone_does() -> None:
    names = ["k<4, float>(int)", "k<8, float>(int)", "k<4, double>(int)"]
    assert told(*names) == ["k<4, float>", "k<8, float>", "k<4, double>"]


def test_overloads_differ_in_their_parameters() -> None:
    assert told("k(int)", "k(float)") == ["k<(int)>", "k<(float)>"]


def test_of_a_long_argument_the_words_that_are_in_no_other() -> None:
    wrapped = "void e<at::gpu_kernel_impl_nocast<at::BinaryFunctor<c10::Half, c10::Half, {}<float>>>>(int)"
    assert told(wrapped.format("at::MulFunctor"), wrapped.format("at::DivFunctor")) == [
        "e<MulFunctor>",
        "e<DivFunctor>",
    ]


@given(st.lists(st.text("ab<>(),: 4", min_size=1, max_size=12), max_size=6, unique=True))
def test_different_kernels_get_different_names_whatever_they_are_called(names: list[str]) -> None:
    found = told_apart(names)
    assert sorted(found) == sorted(names)
    assert len({(one.short, one.detail) for one in found.values()}) == len(names)


@pytest.mark.parametrize(
    ("width", "cell"),
    [
        (60, "vectorized_elementwise_kernel<FillFunctor<Half>>"),
        (30, "vectorized…<FillFunctor<Half>>"),
        (20, "vector…<FillFu…alf>>"),
    ],
)
def test_a_cell_is_cut_where_it_tells_least(width: int, cell: str) -> None:
    fill = NameCell(told_apart([ADD, FILL])[FILL])
    assert fill.cut(width) == cell


def test_names_of_copies_stand_as_they_are_and_long_names_are_cut_in_the_middle() -> None:
    copy, kernel = kernel_names(["[CUDA memcpy]", "nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT"], [False, True])
    assert str(copy) == "[CUDA memcpy]"
    assert isinstance(kernel, NameCell)
    assert kernel.cut(20) == "nvjet_sm90_h…_bz_TNT"
