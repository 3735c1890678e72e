"""Makes src/main/resources/io/fisherwatch/djl/kernels.pt: the device-side half of the PyTorch runtime.

What touches a whole gradient must run inside PyTorch: a gradient has as many numbers as the model has parameters, and
none of them may cross to the JVM. The functions below are compiled to TorchScript, so that the same file runs on every
device and needs no compiler on the user's machine. Run with PyTorch 2.x; only operators that libtorch 2.1 knows are
used.

    python3 src/main/python/tools/make_kernels.py
"""

import math
import pathlib
from typing import Dict, List, Optional, Tuple

import torch

TARGET = pathlib.Path(__file__).resolve().parents[2] / "resources/io/fisherwatch/djl/kernels.pt"


class Kernels(torch.nn.Module):
    """Every exported method takes tensors and lists of tensors and returns a list of tensors."""

    def squared_norm(self, g: torch.Tensor) -> torch.Tensor:
        """The squared Euclidean norm in float64.

        A large float32 tensor is summed in float32 over rows of 256 only, then in float64: exact to about 1e-9 and
        without a copy in double. Where float32 could overflow or underflow, everything is done in double. A GPU sums
        in double as fast as it reads, and has no need to ask whether it may.
        """
        flat = g.reshape(-1)
        rows = flat.size(0) // 256
        if rows >= 64 and g.dtype == torch.float32 and not g.is_cuda:
            head = flat[:rows * 256].view(rows, 256)
            tail = flat[rows * 256:].to(torch.float64)
            norms = torch.linalg.vector_norm(head, 2.0, [1]).to(torch.float64)
            squared = norms.square().sum() + tail.square().sum()
            if bool(torch.isfinite(squared)) and float(squared) > 1e-20:
                return squared
        norm = torch.linalg.vector_norm(flat, 2.0, dtype=torch.float64)
        return norm * norm

    def pull(
        self,
        logits: torch.Tensor,
        cotangents: torch.Tensor,
        aliases: torch.Tensor,
        parameters: List[torch.Tensor],
    ) -> List[Optional[torch.Tensor]]:
        """One vector-Jacobian product g = sum over rows of J' u, with one gradient for each parameter's memory.

        ``aliases`` holds pairs (parameter, further object on its memory): their gradients add up before they are
        squared. Embeddings may give sparse gradients, of which only the rows that occur are touched.
        """
        grads = torch.autograd.grad(
            [logits],
            parameters,
            torch.jit.annotate(Optional[List[Optional[torch.Tensor]]], [cotangents.to(logits.dtype)]),
            retain_graph=True,
            create_graph=False,
            allow_unused=True,
        )
        with torch.no_grad():
            for pair in range(aliases.size(0)):
                first, second = int(aliases[pair][0]), int(aliases[pair][1])
                g = grads[first]
                h = grads[second]
                if g is None:
                    grads[first] = h
                elif h is not None:
                    grads[first] = (g.to_dense() if g.is_sparse else g) + (h.to_dense() if h.is_sparse else h)
                grads[second] = None
            for i, g in enumerate(grads):
                if g is not None:
                    # The rows of tokens that occur more than once have to be summed first.
                    grads[i] = g.coalesce() if g.is_sparse else g.detach()
        return grads

    def reduce(self, grads: List[Optional[torch.Tensor]], device: torch.Tensor) -> List[torch.Tensor]:
        """Squared norms (float64, -1 where no gradient path leads) and the number of non-finite values (int64)."""
        with torch.no_grad():
            norms = torch.jit.annotate(List[torch.Tensor], [])
            for g in grads:
                if g is None:
                    norms.append(torch.full([], -1.0, dtype=torch.float64, device=device.device))
                else:
                    norms.append(self.squared_norm(g.values() if g.is_sparse else g))
            squared = torch.stack(norms).cpu()
            counts = torch.zeros([len(grads)], dtype=torch.int64)
            if not bool(torch.isfinite(squared).all()):
                for i, g in enumerate(grads):
                    if g is not None:
                        values = g.values() if g.is_sparse else g
                        counts[i] = torch.isfinite(values).logical_not().sum().cpu()
        return [squared, counts]

    def add_square(self, g: torch.Tensor, total: torch.Tensor) -> None:
        """total += g*g."""
        with torch.no_grad():
            if g.is_sparse:
                total.index_add_(0, g.indices()[0], g.values().square().to(total.dtype))
            else:
                total.addcmul_(g, g)

    @torch.jit.export
    def squares(
        self,
        logits: torch.Tensor,
        cotangents: torch.Tensor,
        flags: torch.Tensor,
        aliases: torch.Tensor,
        parameters: List[torch.Tensor],
        sums: List[torch.Tensor],
    ) -> List[torch.Tensor]:
        """A vector-Jacobian product, reduced parameter by parameter: ``pull`` and ``reduce``.

        With ``flags[0]`` squares are added to ``sums`` unless a value is not finite; with ``flags[1]`` the gradients themselves follow.
        """
        grads = self.pull(logits, cotangents, aliases, parameters)
        results = self.reduce(grads, logits)
        if bool(flags[0]) and int(results[1].sum()) == 0:
            for i, g in enumerate(grads):
                if g is not None:
                    self.add_square(g, sums[i])
        if bool(flags[1]):
            for parameter, g in zip(parameters, grads):
                if g is None:
                    results.append(torch.zeros_like(parameter))
                else:
                    results.append(g.to_dense() if g.is_sparse else g)
        return results

    @torch.jit.export
    def products_together(self, logits: torch.Tensor, cotangents: torch.Tensor, compared: torch.Tensor,
                          aliases: torch.Tensor, parameters: List[torch.Tensor]) -> List[torch.Tensor]:
        """Several vector-Jacobian products, ``cotangents[k]`` each, compared with one another: ``pull`` and no more.

        Returns the inner products of all pairs in float64, parameter by parameter, or only each one's with itself,
        whether a gradient path leads to each, and the number of non-finite values by product and parameter. All
        gradients are held at once.
        """
        count = cotangents.size(0)
        grads = torch.jit.annotate(List[Optional[torch.Tensor]], [])
        for k in range(count):
            grads.extend(self.pull(logits, cotangents[k], aliases, parameters))
        each = len(parameters)
        products = torch.jit.annotate(List[torch.Tensor], [])
        reached = torch.zeros([each], dtype=torch.int64)
        nonfinite = torch.zeros([count, each], dtype=torch.int64)
        with torch.no_grad():
            for i in range(each):
                rows = torch.jit.annotate(List[torch.Tensor], [])
                for k in range(count):
                    g = grads[k * each + i]
                    if g is not None:
                        rows.append((g.to_dense() if g.is_sparse else g).reshape(-1))
                if len(rows) == count:
                    reached[i] = 1
                    products.append(self.products_of_rows(torch.stack(rows), bool(compared)))
                else:
                    products.append(self.no_products(count, bool(compared), logits))
            found = torch.stack(products).cpu()
            if not bool(torch.isfinite(found).all()):
                for place, g in enumerate(grads):
                    if g is not None:
                        values = g.values() if g.is_sparse else g
                        nonfinite[place // each, place % each] = torch.isfinite(values).logical_not().sum().cpu()
        return [found, reached, nonfinite]

    def products_of_rows(self, rows: torch.Tensor, compared: bool) -> torch.Tensor:
        """The inner products in float64 of all pairs of rows, or of each with itself.

        Long rows in float32 are multiplied in float32 over blocks of 1,024 numbers, unless a squared length leaves it
        open whether products of their numbers vanish or overflow.
        """
        if compared and rows.size(1) > 65536 and rows.dtype == torch.float32:
            found = self.products_in_blocks(rows)
            squares = found.diagonal()
            safe = (squares > 1e-20) & (squares < 1e30)
            if bool(safe.all()) or bool((safe | (rows.abs().amax(1) == 0)).all()):
                return found
        step = self.step(rows) // 2
        products = self.products_of_columns(rows[:, :step], compared)
        for start in range(step, rows.size(1), step):
            products += self.products_of_columns(rows[:, start:start + step], compared)
        return products

    def products_of_columns(self, rows: torch.Tensor, compared: bool) -> torch.Tensor:
        wide = rows.to(torch.float64)
        if compared:
            return torch.mm(wide, wide.t())
        return torch.linalg.vector_norm(wide, 2.0, [1]).square().unsqueeze(1)

    def products_in_blocks(self, rows: torch.Tensor) -> torch.Tensor:
        """Eight rows by eight at a time: ``bmm`` on a CPU takes three times as long for each product from nine on."""
        count = rows.size(0)
        whole = rows.size(1) // 1024 * 1024
        products = self.products_of_columns(rows[:, whole:], True)
        blocks = rows[:, :whole].view(count, -1, 1024)
        for i in range(0, count, 8):
            left = blocks[i:i + 8].transpose(0, 1)
            for j in range(0, i + 1, 8):
                part = torch.bmm(left, blocks[j:j + 8].permute(1, 2, 0)).to(torch.float64).sum(0)
                products[i:i + 8, j:j + 8] += part
                if i != j:
                    products[j:j + 8, i:i + 8] += part.t()
        return products

    def no_products(self, count: int, compared: bool, device: torch.Tensor) -> torch.Tensor:
        return torch.zeros([count, count if compared else 1], dtype=torch.float64, device=device.device)

    def pull_to_taps(self, logits: torch.Tensor, cotangents: torch.Tensor,
                     outputs: List[torch.Tensor]) -> List[Optional[torch.Tensor]]:
        """The gradient at every tap, none where no path leads."""
        return torch.autograd.grad(
            [logits],
            outputs,
            torch.jit.annotate(Optional[List[Optional[torch.Tensor]]], [cotangents.to(logits.dtype)]),
            retain_graph=True,
            create_graph=False,
            allow_unused=True,
        )

    def pull_all_to_taps(self, logits: torch.Tensor, cotangents: torch.Tensor,
                         outputs: List[torch.Tensor]) -> List[Optional[torch.Tensor]]:
        """As above, of several cotangents for the same logits, one behind the other: one backward pass each."""
        examples = logits.size(0)
        pulls = cotangents.size(0) // examples
        if pulls == 1:
            return self.pull_to_taps(logits, cotangents, outputs)
        together = torch.jit.annotate(List[Optional[torch.Tensor]], [])
        for pull in range(pulls):
            rows = pull * examples
            for tap, d in enumerate(self.pull_to_taps(logits, cotangents[rows:rows + examples], outputs)):
                with torch.no_grad():
                    if pull == 0:
                        together.append(None if d is None else d.new_empty([pulls * examples] + list(d.size())[1:]))
                    whole = together[tap]
                    if d is not None and whole is not None:
                        whole[rows:rows + examples].copy_(d)
        return together

    @torch.jit.export
    def products_of_copies(
        self,
        logits: torch.Tensor,
        cotangents: torch.Tensor,
        pulls: torch.Tensor,
        compared: torch.Tensor,
        rules: torch.Tensor,
        members: torch.Tensor,
        outputs: List[torch.Tensor],
        features: List[torch.Tensor],
        parameters: List[torch.Tensor],
    ) -> List[torch.Tensor]:
        """As ``products_together``, of a pass over as many copies of a batch, each with a cotangent of its own.

        One backward pass to the taps makes them all; of a pass over the batch alone, one for each. For rules without
        convolutions and embeddings. Where a product is not finite the last result is 1: who wants to know which has to
        make them one by one.
        """
        deltas = self.pull_all_to_taps(logits, cotangents, outputs)
        with torch.no_grad():
            plan = torch.jit.annotate(List[List[int]], rules.tolist())
            places = torch.jit.annotate(List[int], members.tolist())
            count = int(pulls)
            products = torch.jit.annotate(List[torch.Tensor], [])
            reached = torch.zeros([len(plan)], dtype=torch.int64)
            for p, rule in enumerate(plan):
                g: Optional[torch.Tensor] = None
                only = places[rule[1]] if rule[0] <= 1 and rule[2] == 1 else -1
                d = deltas[only] if only >= 0 else None
                if d is not None and self.are_rows_less_work(rule, d, parameters[p], count):
                    reached[p] = 1
                    products.append(self.products_of_inputs(rule, d, features[only], parameters[p], count, bool(compared)))
                    continue
                for place in range(rule[1], rule[1] + rule[2]):
                    d = deltas[places[place]]
                    if d is not None:
                        part = self.gradients_of_copies(rule, self.wide(d, False), self.wide(features[places[place]], False),
                                                        parameters[p], count)
                        g = part if g is None else g + part
                if g is None:
                    products.append(self.no_products(count, bool(compared), logits))
                else:
                    reached[p] = 1
                    products.append(self.products_of_rows(g, bool(compared)))
            found = torch.stack(products).cpu()
            failed = torch.isfinite(found).all().logical_not().to(torch.int64)
            return [found, reached, failed.reshape(1)]

    def are_rows_less_work(self, rule: List[int], d: torch.Tensor, parameter: torch.Tensor, count: int) -> bool:
        """Whether ``products_of_inputs`` is less work than the gradients of a linear layer, by a rough count.

        It works in double, which counts twice, or on most GPUs far more. Products of few long rows count for eight times
        their number: measured. With a quarter of the rows it holds no more than the gradients are.
        """
        outputs, inputs = parameter.size(rule[0]), parameter.size(1 - rule[0])
        rows = d.numel() // (count * outputs)
        if 4 * rows > inputs or (d.is_cuda and rows > 64):
            return False
        of_rows = 2 * rows * rows * (inputs + count * outputs) + 8 * count * count * rows * outputs
        return of_rows < count * inputs * outputs * (rows + 8 * count)

    def products_of_inputs(self, rule: List[int], d: torch.Tensor, x: torch.Tensor, parameter: torch.Tensor, count: int,
                           compared: bool) -> torch.Tensor:
        """Inner products of gradients that are not made: ⟨δᵀa, εᵀa⟩ = ⟨δ, (a aᵀ) ε⟩, in double.

        Where they cancel out a square may be negative by rounding, and is 0 then.
        """
        outputs = parameter.size(rule[0])
        deltas = d.reshape(count, -1, outputs).to(torch.float64)
        inputs = x.reshape(-1, parameter.size(1 - rule[0]))[:deltas.size(1)].to(torch.float64)
        weighed = torch.bmm(torch.mm(inputs, inputs.t()).expand(count, -1, -1), deltas)
        if compared:
            products = torch.mm(deltas.flatten(1), weighed.flatten(1).t())
            products.diagonal().clamp_(min=0)
            return products
        return weighed.mul_(deltas).sum([1, 2]).clamp_(min=0).unsqueeze(1)

    def gradients_of_copies(self, rule: List[int], d: torch.Tensor, x: torch.Tensor, parameter: torch.Tensor,
                            count: int) -> torch.Tensor:
        """A parameter's gradients from one tap, one row for each copy of the batch, or for each pull of one batch."""
        shape = parameter.size()
        given = count * x.size(0) // d.size(0)
        if rule[0] == 0:
            right = x.reshape(given, -1, shape[1]).expand(count, -1, -1)
            return torch.bmm(d.reshape(count, -1, shape[0]).transpose(1, 2), right).flatten(1)
        if rule[0] == 1:
            left = x.reshape(given, -1, shape[0]).expand(count, -1, -1)
            return torch.bmm(left.transpose(1, 2), d.reshape(count, -1, shape[1])).flatten(1)
        product = d
        if rule[0] == 4:
            product = (d.reshape([count // given, x.size(0)] + list(d.size())[1:]) * x).reshape(d.size())
        if rule[3] == 1:
            return product.reshape(count, d.size(0) // count, shape[0], -1).sum([1, 3])
        return product.reshape(count, -1, parameter.numel()).sum(1)

    def sizes(self, features: List[torch.Tensor], rows: int) -> torch.Tensor:
        """The largest Euclidean norm among the first examples of each tensor (float64); 1 for integers."""
        largest = torch.jit.annotate(List[torch.Tensor], [])
        for a in features:
            if a.is_floating_point():
                largest.append(self.largest_norm(a[:rows]))
            else:
                largest.append(torch.ones([], dtype=torch.float64, device=a.device))
        return torch.stack(largest).cpu()

    def largest_norm(self, a: torch.Tensor) -> torch.Tensor:
        wide = a if a.dtype == torch.float64 or a.dtype == torch.float32 else a.to(torch.float32)
        return torch.linalg.vector_norm(wide.reshape(a.size(0), -1), 2.0, [1]).max().to(torch.float64)

    @torch.jit.export
    def squares_each(
        self,
        logits: torch.Tensor,
        cotangents: torch.Tensor,
        flags: torch.Tensor,
        rules: torch.Tensor,
        members: torch.Tensor,
        known: torch.Tensor,
        outputs: List[torch.Tensor],
        features: List[torch.Tensor],
        parameters: List[torch.Tensor],
        sums: List[torch.Tensor],
    ) -> List[torch.Tensor]:
        """The vector-Jacobian product of every example by itself, from the gradients at its taps.

        The cotangents are of all examples of the pass, which may be copies of a batch; or of several pulls through it,
        one behind the other. Then ``features`` are of one of them.
        The examples come in groups, the rows of ``flags``: how many, whether their squares are to be added to the next
        tensors of ``sums``, one for each parameter, and of how many pulls they are, each as large as the others. A row
        of ``rules`` is a parameter's rule, its first place and the number of places in ``members``, which lists taps,
        and the rule's options. ``known`` is what an earlier call for these features returned last, or a negative number.
        Returns squared norms (float64, example by parameter, -1 where no gradient path leads), whether all is well (if
        a value could overflow, 0, and nothing has been added to ``sums``), and by tap the longest input.
        """
        deltas = self.pull_all_to_taps(logits, cotangents, outputs)
        examples = cotangents.size(0)
        shared = examples > logits.size(0)
        with torch.no_grad():
            plan = torch.jit.annotate(List[List[int]], rules.tolist())
            places = torch.jit.annotate(List[int], members.tolist())
            groups = torch.jit.annotate(List[List[int]], flags.tolist())
            pulls = 0
            for group in groups:
                pulls += group[2]
            longest = self.sizes(features, examples // pulls) if float(known[0]) < 0 else known
            lengths = torch.jit.annotate(List[float], longest.tolist())
            sizes_of_pulls = self.norms_by_pull(deltas, pulls)
            for tap in range(len(deltas)):
                for size in sizes_of_pulls[tap]:
                    if not (size < 1e18 and size * lengths[tap] < 1e18):
                        return [torch.zeros([1, 1], dtype=torch.float64), torch.zeros([1], dtype=torch.int64), longest]
            norms = torch.jit.annotate(List[torch.Tensor], [])
            first, start, pull = 0, 0, 0
            for group in groups:
                end = start + group[0]
                wide = torch.jit.annotate(List[bool], [])
                for tap, d in enumerate(deltas):
                    wide.append(self.leaves_float(sizes_of_pulls[tap][pull:pull + group[2]], lengths[tap], d, start, end))
                sliced = start > 0 or end < examples
                ds = torch.jit.annotate(List[Optional[torch.Tensor]], [])
                xs = torch.jit.annotate(List[torch.Tensor], [])
                for tap, d in enumerate(deltas):
                    ds.append(d[start:end] if sliced and d is not None else d)
                    xs.append(features[tap][start:end] if sliced and not shared else features[tap])
                adding = group[1] == 1
                totals = sums[first:first + len(plan)] if adding else torch.jit.annotate(List[torch.Tensor], [])
                norms.append(self.group_squares(group[0], group[2], plan, places, wide, ds, xs, parameters, totals))
                first += len(totals)
                start = end
                pull += group[2]
            return [torch.cat(norms).cpu(), torch.ones([1], dtype=torch.int64), longest]

    def group_squares(self, examples: int, pulls: int, plan: List[List[int]], places: List[int], wide: List[bool],
                      deltas: List[Optional[torch.Tensor]], features: List[torch.Tensor],
                      parameters: List[torch.Tensor], totals: List[torch.Tensor]) -> torch.Tensor:
        """Squared norms of some examples' gradients, example by parameter; the squares are added to ``totals``, if any.

        All pulls have the same features, of which a linear layer's are looked at once.
        """
        norms = torch.jit.annotate(List[torch.Tensor], [])
        squared = torch.jit.annotate(Dict[int, torch.Tensor], {})
        summed = torch.jit.annotate(Dict[int, torch.Tensor], {})
        for p, rule in enumerate(plan):
            ds = torch.jit.annotate(List[torch.Tensor], [])
            xs = torch.jit.annotate(List[torch.Tensor], [])
            tap = -1
            in_double = False
            for place in range(rule[1], rule[1] + rule[2]):
                d = deltas[places[place]]
                if d is not None:
                    tap = places[place]
                    ds.append(d)
                    xs.append(features[tap])
                    in_double = in_double or wide[tap]
            total: Optional[torch.Tensor] = None
            if len(totals) > 0:
                total = totals[p]
            if len(ds) == 0:
                norms.append(torch.full([examples], -1.0, dtype=torch.float64, device=features[0].device))
            elif len(ds) == 1 and not in_double and self.is_one_row(rule, ds[0], xs[0], parameters[p]):
                if tap not in summed:
                    summed[tap] = self.row_norms(ds[0]).view(pulls, -1)
                    if total is not None:
                        d2 = ds[0].square()
                        squared[tap] = d2.view(pulls, -1, d2.size(1)).sum(0) if pulls > 1 else d2
                if total is not None:
                    self.add_row_squares(rule, squared[tap], xs[0], total)
                sums = summed[tap]
                if rule[0] == 0:
                    sums = sums * self.row_norms(xs[0][:examples // pulls])
                norms.append(sums.reshape(-1))
            elif rule[0] == 2:
                norms.append(self.convolution_squares(rule, ds, xs, parameters[p], total, in_double))
            else:
                inputs = xs[0].size(0)
                parts = torch.jit.annotate(List[torch.Tensor], [])
                for start in range(0, examples, inputs):
                    part = [d[start:start + inputs] for d in ds] if inputs < examples else ds
                    parts.append(self.contract(rule, part, xs, parameters[p], total, in_double))
                norms.append(torch.cat(parts))
        return torch.stack(norms, 1)

    def norms_by_pull(self, deltas: List[Optional[torch.Tensor]], pulls: int) -> List[List[float]]:
        """By tap, the Euclidean norm of every pull's examples together; 0 for taps that are not there."""
        present = torch.jit.annotate(List[torch.Tensor], [])
        for d in deltas:
            if d is not None:
                flat = self.wide(d, False).reshape(pulls, -1)
                present.append(torch.linalg.vector_norm(flat, 2.0, [1]).to(torch.float64))
        found = torch.jit.annotate(List[List[float]], [])
        if len(present) > 0:
            found = torch.jit.annotate(List[List[float]], torch.stack(present).cpu().tolist())
        norms = torch.jit.annotate(List[List[float]], [])
        nothing = [0.0 for _ in range(pulls)]
        for d in deltas:
            norms.append(nothing if d is None else found.pop(0))
        return norms

    def leaves_float(self, norms: List[float], length: float, d: Optional[torch.Tensor], start: int, end: int) -> bool:
        """Whether squares of one of a group's pulls could be too small for float32: then all are made in double.

        The mean magnitude of a delta, and its product with the longest input, are to be far enough from the end of the
        range, and so is either factor by itself, whose square leaves it long before the product does.
        """
        if d is None:
            return False
        count = max(1, d[start:end].numel() // max(1, len(norms)))
        lost = False
        for norm in norms:
            typical = norm / math.sqrt(count)
            if norm == 0.0:
                lost = True
            elif typical < 1e-17 or typical * length < 1e-15:
                return True
        if 0.0 < length < 1e-17:
            return True
        return lost and bool(d[start:end].abs().lt(1e-17).logical_and(d[start:end].ne(0)).any())

    def is_one_row(self, rule: List[int], d: torch.Tensor, x: torch.Tensor, parameter: torch.Tensor) -> bool:
        """Whether the rule is that of a linear layer's weight or bias that every example uses once."""
        if d.dim() != 2 or d.dtype != torch.float32 or parameter.dtype != torch.float32:
            return False
        if rule[0] == 5:
            return rule[3] == 0 and parameter.numel() == d.size(1)
        return rule[0] == 0 and x.dim() == 2 and x.dtype == torch.float32

    def add_row_squares(self, rule: List[int], d2: torch.Tensor, x: torch.Tensor, total: torch.Tensor) -> None:
        """Adds every example's squared gradient, a product of squares: d2 is that of the deltas, added over pulls."""
        if rule[0] == 5:
            total.add_(d2.sum(0))
        else:
            total.addmm_(d2.t(), x[:d2.size(0)].square())

    def row_norms(self, x: torch.Tensor) -> torch.Tensor:
        """Squared Euclidean norms of rows in float64, summed in it where rows are long; else to about 1e-7."""
        if x.size(1) > 1024:
            return x.square().sum(1, dtype=torch.float64)
        return torch.linalg.vector_norm(x, 2.0, [1]).to(torch.float64).square()

    def contract(self, rule: List[int], ds: List[torch.Tensor], xs: List[torch.Tensor], parameter: torch.Tensor,
                 total: Optional[torch.Tensor], in_double: bool) -> torch.Tensor:
        """One parameter's squared norms by example; the squares are added to ``total``.

        With ``in_double`` all is done in double, since squares of small float32 numbers are zero.
        """
        kind = rule[0]
        shape = parameter.size()
        deltas = torch.jit.annotate(List[torch.Tensor], [])
        others = torch.jit.annotate(List[torch.Tensor], [])
        examples = ds[0].size(0)
        for i, delta in enumerate(ds):
            d = self.wide(delta, in_double)
            x = self.wide(xs[i], in_double)
            if kind == 0:
                deltas.append(d.reshape(examples, -1, shape[0]))
                others.append(x.reshape(examples, -1, shape[1]))
            elif kind == 1:
                deltas.append(x.reshape(examples, -1, shape[0]))
                others.append(d.reshape(examples, -1, shape[1]))
            elif kind == 3:
                deltas.append(d.reshape(examples, -1, shape[1]))
                others.append(x.reshape(examples, -1))
            else:
                product = d * x if kind == 4 else d
                if rule[3] == 1:
                    deltas.append(product.reshape(examples, shape[0], -1).sum(2))
                else:
                    deltas.append(product.reshape(examples, -1, parameter.numel()).sum(1))
        if kind > 3:
            g = deltas[0]
            for more in deltas[1:]:
                g = g + more
            if total is not None:
                total.view(-1).add_(g.square().sum(0).to(total.dtype))
            return torch.linalg.vector_norm(g, 2.0, [1], dtype=torch.float64).square()
        d = torch.cat(deltas, 1) if len(deltas) > 1 else deltas[0]
        x = torch.cat(others, 1) if len(others) > 1 else others[0]
        if kind == 3:
            return self.embedding_squares(d, x, rule[3], shape[0], total)
        return self.product_squares(d, x, total, kind == 1)

    def convolution_squares(self, rule: List[int], ds: List[torch.Tensor], xs: List[torch.Tensor],
                            parameter: torch.Tensor, total: Optional[torch.Tensor], in_double: bool) -> torch.Tensor:
        """Squared norms by example of a convolution's weight; the squares are added to ``total``.

        Patches are unfolded group by group and for as many examples at a time as give 64 MiB of them, or one; all
        pulls of them use the same.
        """
        shape = parameter.size()
        examples = xs[0].size(0)
        pulls = ds[0].size(0) // examples
        groups = rule[9]
        rows = shape[0] // groups
        channels = shape[1]
        flat = len(shape) == 3
        kernel = [1, shape[2]] if flat else [shape[2], shape[3]]
        columns = channels * kernel[0] * kernel[1]
        positions = 0
        for i, d in enumerate(ds):
            height = 1 if flat else xs[i].size(2)
            down = (height + 2 * rule[5] - rule[7] * (kernel[0] - 1) - 1) // rule[3] + 1
            across = (xs[i].size(-1) + 2 * rule[6] - rule[8] * (kernel[1] - 1) - 1) // rule[4] + 1
            assert d.numel() == pulls * examples * shape[0] * down * across, "a convolution's output and features do not fit"
            positions += down * across
        size = 8 if in_double or ds[0].dtype == torch.float64 else 4
        step = max(1, 67108864 // max(1, positions * columns * size))
        norms = torch.zeros([pulls * examples], dtype=torch.float64, device=ds[0].device)
        for group in range(groups):
            part: Optional[torch.Tensor] = None
            if total is not None:
                part = total.view(groups, rows, columns)[group]
            start = 0
            while start < examples:
                end = min(start + step, examples)
                patches = torch.jit.annotate(List[torch.Tensor], [])
                for features in xs:
                    x = self.wide(features[start:end, group * channels:(group + 1) * channels], in_double)
                    patches.append(
                        torch._C._nn.im2col(
                            x.unsqueeze(-2) if flat else x,
                            kernel,
                            [rule[7], rule[8]],
                            [rule[5], rule[6]],
                            [rule[3], rule[4]],
                        ).transpose(1, 2)
                    )
                a = torch.cat(patches, 1) if len(patches) > 1 else patches[0]
                for pull in range(pulls):
                    first, last = pull * examples + start, pull * examples + end
                    deltas = torch.jit.annotate(List[torch.Tensor], [])
                    for delta in ds:
                        d = self.wide(delta[first:last, group * rows:(group + 1) * rows], in_double)
                        deltas.append(d.reshape(end - start, rows, -1).transpose(1, 2))
                    d = torch.cat(deltas, 1) if len(deltas) > 1 else deltas[0]
                    norms[first:last] += self.product_squares(d, a, part, False)
                start = end
        return norms

    def wide(self, a: torch.Tensor, in_double: bool) -> torch.Tensor:
        if a.is_floating_point() and a.dtype != torch.float64:
            return a.to(torch.float64 if in_double else torch.float32)
        return a

    def product_squares(self, d: torch.Tensor, a: torch.Tensor, total: Optional[torch.Tensor],
                        swapped: bool) -> torch.Tensor:
        """Squared norms of d'a for every example, of [examples, positions, rows] and [examples, positions, columns].

        With one position the square is a product of squares, for all examples at once. Without ``total`` no product is
        made if the positions' inner products, <a, a'> <d, d'> summed, cost less. Else a few examples' products at a
        time, which are squared while they are in the cache; on a GPU as many as fill it. ``swapped`` says that the
        delta is ``a``.
        """
        examples, positions, rows, columns = d.size(0), d.size(1), d.size(2), a.size(2)
        if positions == 1:
            d2, a2 = d[:, 0].square(), a[:, 0].square()
            if total is not None:
                if d2.dtype == total.dtype:
                    total.addmm_(d2.t(), a2)
                else:
                    total.add_(torch.mm(d2.t(), a2).to(total.dtype))
            return d2.sum(1, dtype=torch.float64) * a2.sum(1, dtype=torch.float64)
        if total is None and positions * (rows + columns) < rows * columns:
            products = torch.bmm(d, d.transpose(1, 2)).mul_(torch.bmm(a, a.transpose(1, 2)))
            return products.sum([1, 2], dtype=torch.float64).clamp_(min=0.0)
        step = min(examples, max(1, (67108864 if d.is_cuda else 262144) // (rows * columns)))
        if step == 1 and not d.is_cuda:
            return self.products_one_by_one(d, a, total, swapped)
        scratch = torch.empty([step, rows, columns], dtype=d.dtype, device=d.device)
        norms = torch.jit.annotate(List[torch.Tensor], [])
        start = 0
        while start < examples:
            count = min(step, examples - start)
            g = scratch[:count]
            torch.bmm(d[start:start + count].transpose(1, 2), a[start:start + count], out=g)
            if total is None or not d.is_cuda:
                norms.append(torch.linalg.vector_norm(g, 2.0, [2]).to(torch.float64).square().sum(1))
            if total is not None:
                g.square_()
                if d.is_cuda:
                    norms.append(g.sum([1, 2], dtype=torch.float64))
                total.add_(g.sum(0))
            start += count
        return torch.cat(norms)

    def products_one_by_one(self, d: torch.Tensor, a: torch.Tensor, total: Optional[torch.Tensor],
                            swapped: bool) -> torch.Tensor:
        """As above, of large products on a CPU: positions whose delta is zero, as behind a mask, are left out.

        Some rows of all examples' products come before the next rows, so that they and their sum stay in the cache.
        """
        examples, rows, columns = d.size(0), d.size(2), a.size(2)
        live = torch.linalg.vector_norm(a if swapped else d, 2.0, [2]).ne(0.0)
        lefts = torch.jit.annotate(List[torch.Tensor], [])
        rights = torch.jit.annotate(List[torch.Tensor], [])
        for example, (first, last, count) in enumerate(self.ranges(live)):
            if last - first == count:
                lefts.append(d[example, first:last].t())
                rights.append(a[example, first:last])
            else:
                kept = live[example].nonzero().squeeze(1)
                lefts.append(d[example].index_select(0, kept).t())
                rights.append(a[example].index_select(0, kept))
        blocks = max(1, (rows * columns + 1048575) // 1048576)
        step = (rows + blocks - 1) // blocks
        scratch = torch.empty([min(step, rows), columns], dtype=d.dtype)
        # A row's norm is summed in the gradient's type over so many columns only.
        width = 8192
        norms = torch.zeros([examples, (columns + width - 1) // width, rows], dtype=d.dtype)
        start = 0
        while start < rows:
            end = min(start + step, rows)
            g = scratch[:end - start]
            part: Optional[torch.Tensor] = None
            if total is not None:
                part = total[start:end]
            for example in range(examples):
                if rights[example].size(0) > 0:
                    torch.mm(lefts[example][start:end], rights[example], out=g)
                    for piece in range(norms.size(1)):
                        columns_of_piece = g[:, piece * width:(piece + 1) * width]
                        torch.linalg.vector_norm(columns_of_piece, 2.0, [1], out=norms[example, piece, start:end])
                    if part is not None:
                        part.addcmul_(g, g)
            start = end
        return norms.to(torch.float64).square().sum([1, 2])

    def ranges(self, live: torch.Tensor) -> List[Tuple[int, int, int]]:
        """By row, the first place that is set, the one behind the last, and how many are set; zeros if none is."""
        places = torch.arange(1, live.size(1) + 1)
        last = live.to(torch.int64).mul(places).amax(1)
        first = live.to(torch.int64).mul(places.flip(0)).amax(1).neg().add(live.size(1))
        found = torch.jit.annotate(List[List[int]], torch.stack([first, last, live.sum(1)], 1).tolist())
        return [(row[0], row[1], row[2]) if row[2] > 0 else (0, 0, 0) for row in found]

    def embedding_squares(self, d: torch.Tensor, tokens: torch.Tensor, padding: int, vocabulary: int,
                          total: Optional[torch.Tensor]) -> torch.Tensor:
        """Squared norms by example of rows summed by token; only rows that occur are touched."""
        examples = d.size(0)
        first = torch.arange(examples, device=d.device).unsqueeze(1) * vocabulary
        keys = (first + tokens.to(torch.int64)).reshape(-1)
        rows = d.reshape(-1, d.size(2))
        if padding >= 0:
            kept = (tokens.reshape(-1) != padding).nonzero().squeeze(1)
            keys = keys[kept]
            rows = rows[kept]
        found, places, _ = torch._unique2(keys, True, True, False)
        g = torch.zeros([found.size(0), d.size(2)], dtype=d.dtype, device=d.device).index_add_(0, places, rows)
        squared = torch.linalg.vector_norm(g, 2.0, [1]).to(torch.float64).square()
        if total is not None:
            total.index_add_(0, found % vocabulary, g.square_().to(total.dtype))
        norms = torch.zeros([examples], dtype=torch.float64, device=d.device)
        return norms.index_add_(0, torch.div(found, vocabulary, rounding_mode="floor"), squared)

    @torch.jit.export
    def compare(self, places: torch.Tensor, ring: torch.Tensor, gradients: List[torch.Tensor],
                memory: List[torch.Tensor]) -> List[torch.Tensor]:
        """Inner products (float64) of a gradient with those that lie in some places of a ring, and its own place there.

        Small gradients are multiplied in double, with all earlier ones at once; products of large ones are summed in the
        gradient's type over rows of 256 numbers only, then in double.
        """
        count = len(gradients)
        products = torch.zeros([places.size(0), count], dtype=torch.float64, device=gradients[0].device)
        before = torch.jit.annotate(List[int], places.tolist())
        with torch.no_grad():
            for i, g in enumerate(gradients):
                a = g.reshape(-1)
                if a.size(0) <= 65536 and len(before) > 0:
                    earlier = torch.stack([memory[place * count + i].view(-1) for place in before])
                    products[:, i] = torch.mv(earlier.to(torch.float64), a.to(torch.float64))
                    continue
                for row, place in enumerate(before):
                    b = memory[place * count + i].view(-1)
                    start = 0
                    total = torch.zeros([], dtype=torch.float64, device=g.device)
                    while start < a.size(0):
                        end = min(start + 4194304, a.size(0))
                        rows = (end - start) // 256 * 256
                        if rows > 0:
                            x = a[start:start + rows].view(-1, 256)
                            total += (x * b[start:start + rows].view(-1, 256)).sum(1).to(torch.float64).sum()
                        if start + rows < end:
                            total += (a[start + rows:end].to(torch.float64) * b[start + rows:end].to(torch.float64)).sum()
                        start = end
                    products[row][i] = total
            first = int(ring) * count
            for i, g in enumerate(gradients):
                memory[first + i].copy_(g)
        return [products.cpu()]

    @torch.jit.export
    def average(self, settings: torch.Tensor, means: List[torch.Tensor], scatters: List[torch.Tensor],
                sums: List[torch.Tensor]) -> List[torch.Tensor]:
        """Moves means towards scale * sums by a share, adds to the scatter, and empties the sums.

        ``settings`` holds scale, share, and the factor of the squared deviation that adds to the scatter.
        """
        scale, share, factor = float(settings[0]), float(settings[1]), float(settings[2])
        with torch.no_grad():
            for mean, scatter, total in zip(means, scatters, sums):
                m, s, t = mean.view(-1), scatter.view(-1), total.view(-1)
                size = t.size(0)
                step = self.step(t)
                start = 0
                while start < size:
                    end = min(start + step, size)
                    deviation = t[start:end].mul_(scale).sub_(m[start:end])
                    s[start:end].addcmul_(deviation, deviation, value=factor)
                    m[start:end].add_(deviation, alpha=share)
                    deviation.zero_()
                    start = end
        return []

    def step(self, tensor: torch.Tensor) -> int:
        """How many numbers to work on at a time: what a core has in its cache, or what a GPU has no trouble to hold."""
        return 4194304 if tensor.is_cuda else 131072

    @torch.jit.export
    def square_root(self, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """The square root, in place."""
        with torch.no_grad():
            for tensor in tensors:
                tensor.sqrt_()
        return []

    @torch.jit.export
    def undetermined(self, settings: torch.Tensor, means: List[torch.Tensor],
                     scatters: List[torch.Tensor]) -> List[torch.Tensor]:
        """Counts means whose noise leaves open on which side of a threshold they are.

        ``settings`` holds the factor that makes a scatter the mean's variance, a normal quantile z, and the threshold.
        A mean d of variance v is taken as chi-square noise of K = 2 d**2 / v degrees of freedom, whose quantiles over K
        are (1 - h -+ z sqrt(h))**3 with h = 2 / (9 K) (Wilson and Hilferty, 1931).
        """
        factor, z, threshold = float(settings[0]), float(settings[1]), float(settings[2])
        count = torch.zeros([1], dtype=torch.int64, device=means[0].device)
        for mean, scatter in zip(means, scatters):
            flat = mean.reshape(-1)
            flat_scatter = scatter.reshape(-1)
            start = 0
            step = self.step(flat)
            while start < flat.size(0):
                d = flat[start:start + step]
                h = flat_scatter[start:start + step] * (factor / 9.0) / (d * d)
                root = h.sqrt() * z
                upper = (1 - h + root).clamp(min=0.0)
                lower = (1 - h - root).clamp(min=0.0)
                count += ((d > 0) & (d > threshold * lower * lower * lower) & (d < threshold * upper * upper * upper)).sum()
                start += step
        return [count.cpu()]

    @torch.jit.export
    def fill(self, value: torch.Tensor, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """Sets every element to one value."""
        with torch.no_grad():
            for tensor in tensors:
                tensor.fill_(value)
        return []

    @torch.jit.export
    def scale(self, factor: torch.Tensor, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """tensor *= factor."""
        with torch.no_grad():
            for tensor in tensors:
                tensor.mul_(factor)
        return []

    @torch.jit.export
    def combine(self, factor: torch.Tensor, targets: List[torch.Tensor], others: List[torch.Tensor]) -> List[torch.Tensor]:
        """target += factor * other."""
        alpha = float(factor)
        with torch.no_grad():
            for target, other in zip(targets, others):
                target.add_(other, alpha=alpha)
        return []

    @torch.jit.export
    def absolute_sums(self, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """The sum of the magnitudes of each tensor (float64)."""
        sums = torch.jit.annotate(List[torch.Tensor], [])
        for tensor in tensors:
            sums.append(torch.linalg.vector_norm(tensor, 1.0).to(torch.float64))
        return [torch.stack(sums).cpu()]

    @torch.jit.export
    def histogram(self, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """Counts float32 values by their upper 16 bits: [0, 32640) non-negative and finite, 32640 all others.

        For non-negative floats the order of the bit patterns is the order of the values, 128 bins to the octave. Zero
        has bin 0 for itself; all subnormals are counted in bin 1.
        """
        counts = torch.zeros([32641], dtype=torch.int64, device=tensors[0].device)
        for tensor in tensors:
            flat = tensor.reshape(-1)
            start = 0
            step = self.step(flat)
            while start < flat.size(0):
                chunk = flat[start:start + step]
                # TorchScript cannot reinterpret memory, so the bits are put together: value = fraction * 2**exponent
                fraction, exponent = torch.frexp(chunk)
                bits = (exponent + 126) * 128 + ((fraction * 2 - 1) * 128).to(torch.int32)
                bits = torch.clamp(bits, min=1)
                valid = torch.isfinite(chunk) & (chunk >= 0)
                bits = torch.where(valid, bits, torch.full_like(bits, 32640))
                # Zeros are many: a GPU that counted them all in one place would wait for itself.
                spread = torch.arange(chunk.size(0), dtype=torch.int32, device=chunk.device) % 4096 + 32641
                counted = torch.bincount(torch.where(chunk == 0, spread, bits), minlength=36737)
                counts += counted[:32641]
                counts[0] += counted[32641:].sum()
                start += step
        return [counts.cpu()]

    @torch.jit.export
    def shared(self, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """For each tensor the first one that is the same memory in the same layout, and the first that is the same object.

        One object in the archive under two names has one gradient; two objects on the same memory have one each.
        """
        owners = torch.arange(len(tensors))
        objects = torch.arange(len(tensors))
        for i in range(len(tensors)):
            for j in range(i):
                if tensors[i].numel() == tensors[j].numel() and tensors[i].is_set_to(tensors[j]):
                    owners[i] = j
                    break
            for j in range(i):
                if tensors[i] is tensors[j]:
                    objects[i] = j
                    break
        return [owners, objects]

    @torch.jit.export
    def write(self, target: torch.Tensor, offset: torch.Tensor, chunk: torch.Tensor) -> List[torch.Tensor]:
        """Copies a flat chunk into a contiguous tensor, converting its type."""
        with torch.no_grad():
            start = int(offset)
            target.detach().view(-1)[start:start + chunk.size(0)].copy_(chunk)
        return []

    @torch.jit.export
    def differ(self, target: torch.Tensor, offset: torch.Tensor, chunk: torch.Tensor) -> List[torch.Tensor]:
        """Whether a flat chunk, converted to the tensor's type, differs from what stands there."""
        start = int(offset)
        there = target.detach().view(-1)[start:start + chunk.size(0)]
        return [there.ne(chunk.to(there.dtype).to(there.device)).any().cpu()]

    @torch.jit.export
    def contiguous(self, tensors: List[torch.Tensor]) -> List[torch.Tensor]:
        """Which of the tensors are contiguous."""
        flags = torch.zeros([len(tensors)], dtype=torch.bool)
        for i, tensor in enumerate(tensors):
            flags[i] = tensor.is_contiguous()
        return [flags]

    @torch.jit.export
    def assign(self, target: torch.Tensor, source: torch.Tensor) -> List[torch.Tensor]:
        """Copies a whole tensor into one of any layout."""
        with torch.no_grad():
            target.detach().copy_(source)
        return []

    @torch.jit.export
    def host(self, tensor: torch.Tensor) -> List[torch.Tensor]:
        """A contiguous copy in the host's memory; 16-bit floats widened to 32."""
        value = tensor.detach().cpu().contiguous()
        if value.dtype == torch.float16 or value.dtype == torch.bfloat16:
            value = value.to(torch.float32)
        return [value]

    @torch.jit.export
    def descend(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        rate: torch.Tensor,
        step: torch.Tensor,
        parameters: List[torch.Tensor],
        first: List[torch.Tensor],
        second: List[torch.Tensor],
    ) -> List[torch.Tensor]:
        """One step of Adam (Kingma and Ba, 2015; beta 0.9 and 0.999) on the mean cross-entropy; returns the loss."""
        loss = torch.nn.functional.cross_entropy(logits, labels)
        grads = torch.autograd.grad([loss], parameters, allow_unused=True)
        with torch.no_grad():
            t = float(step)
            for i, g in enumerate(grads):
                if g is not None:
                    if g.is_sparse:
                        g = g.to_dense()
                    first[i].lerp_(g, 0.1)
                    second[i].mul_(0.999).addcmul_(g, g, value=0.001)
                    root = (second[i] / (1.0 - 0.999**t)).sqrt_().add_(1e-8)
                    parameters[i].detach().sub_(float(rate) / (1.0 - 0.9**t) * first[i] / root)
        return [loss.detach().to(torch.float64).cpu()]


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.script(Kernels()).save(str(TARGET))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
