"""The other side of -what peers: a library that recommends, told over a pipe when to run.

Each line of standard input is a JSON object that says what to do, and is answered with one on standard output: what it
took, in seconds, or "failed" and why. In the folder that is named first, *.f32 are rows of float32 and *.i32 is where
found items go. The second argument is "implicit" or "faiss", the third a number of threads.
"""

import json
import os
import sys
import time

import numpy as np

folder, library, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer


def answer(**what):
    print(json.dumps(what), file=answers, flush=True)


def vectors(name, dim):
    return np.fromfile(os.path.join(folder, name + ".f32"), "<f4").reshape(-1, dim)


class Clock:
    def __init__(self):
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def took(self):
        return {"cpu": time.process_time() - self.cpu, "wall": time.perf_counter() - self.wall}


class Implicit:
    def load(self, items, users):
        from implicit.cpu.als import AlternatingLeastSquares

        self.model = AlternatingLeastSquares(factors=items.shape[1], num_threads=threads)
        self.model.item_factors, self.model.user_factors = items, users

    def top(self, users, k):
        return self.model.recommend(users, None, N=k, filter_already_liked_items=False)[0]

    def one(self, user, k):
        return self.model.recommend(int(user), None, N=k, filter_already_liked_items=False)[0]

    def fit(self, told):
        """Runs an iteration for each "step", the first at once, from the vectors of columns in start.f32.

        implicit minimises (weight+1)·(1-x·y)² over known and (x·y)² over other pairs. That is Kindred's loss of
        weight·(1-x·y)² over known and (x·y)² over all pairs if vectors are longer by the root of
        (weight+1)/weight, up to a constant and a factor.
        """
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        weight = told["weight"]
        longer = (weight + 1) / weight
        model = AlternatingLeastSquares(
            factors=told["dim"],
            regularization=told["regularization"] * longer,
            alpha=1.0,
            iterations=told["sweeps"],
            num_threads=threads,
            random_state=1,
            use_native=True,
            use_cg=True,
        )
        model.cg_steps = told["steps"]
        model.item_factors = vectors("start", told["dim"]) * np.float32(np.sqrt(longer))
        model.user_factors = np.zeros((told["rows"], told["dim"]), np.float32)
        known = known_pairs(weight + 1, csr_matrix)
        clock = Clock()

        def step(iteration, *_):
            nonlocal clock
            answer(**clock.took())
            if iteration + 1 < told["sweeps"]:
                sys.stdin.readline()
            clock = Clock()

        model.fit(known, show_progress=False, callback=step)
        for name, factors in (("found-rows", model.user_factors), ("found-cols", model.item_factors)):
            (np.asarray(factors) / np.sqrt(longer)).astype("<f4").tofile(os.path.join(folder, name + ".f32"))


def known_pairs(weight, csr_matrix):
    with open(os.path.join(folder, "known.bin"), "rb") as f:
        rows, cols, known = (int(x) for x in np.fromfile(f, "<i8", 3))
        start = np.fromfile(f, "<i8", rows + 1).astype(np.int32)
        col = np.fromfile(f, "<i4", known)
    return csr_matrix((np.full(known, weight, np.float32), col, start), shape=(rows, cols))


class Faiss:
    def load(self, items, users):
        import faiss

        faiss.omp_set_num_threads(threads)
        faiss.cvar.distance_compute_blas_threshold = 20  # the default of 1.15 is four times slower here
        self.index, self.users = faiss.IndexFlatIP(items.shape[1]), users
        self.index.add(items)

    def top(self, users, k):
        return self.index.search(self.users[users], k)[1]

    def one(self, user, k):
        return self.index.search(self.users[user : user + 1], k)[1]


side = {"implicit": Implicit, "faiss": Faiss}[library]()


def do(told):
    what = told["do"]
    if what == "load":
        side.load(vectors("items", told["dim"]), vectors("users", told["dim"]))
        answer()
    elif what in ("top", "sum"):  # nobody here has the sum
        users = np.arange(told["from"], told["from"] + told["users"])
        clock = Clock()
        ids = side.top(users, told["k"])
        took = clock.took()
        ids.astype("<i4").tofile(os.path.join(folder, library + ".i32"))
        answer(**took)
    elif what == "one":
        times, clock = [], Clock()
        for user in range(told["from"], told["from"] + told["users"]):
            began = time.perf_counter()
            side.one(user, told["k"])
            times.append(time.perf_counter() - began)
        answer(times=times, **clock.took())
    elif what == "fit":
        side.fit(told)
        answer()
    else:
        raise ValueError("cannot do " + what)


for line in sys.stdin:
    try:
        do(json.loads(line))
    except Exception as e:
        answer(failed=repr(e))
