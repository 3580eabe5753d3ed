# The program as an image, for CPUs (the default) or NVIDIA GPUs (--target cuda). docs/docker.md says how to use it.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS base
# Extras of pyproject.toml, and a further package index, from which a build of torch without CUDA comes.
ARG EXTRAS=mini,amber,hf,report,server,xlsx
ARG TORCH_INDEX=
WORKDIR /src
# The dependencies alone first: their layer is built again only when these two files change.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = p['optional-dependencies']; chosen = [e for e in '${EXTRAS}'.split(',') if e]; \
print(*p['dependencies'], *(d for e in chosen for d in extras[e]), sep='\n')" > requirements.txt \
 && pip install --no-cache-dir --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} \
    --requirement requirements.txt
COPY README.md LICENSE ./
COPY results/published.yaml results/
COPY tasks tasks
COPY emma_eval emma_eval
RUN pip install --no-cache-dir --no-deps . && rm -rf /src/*
# Any user id may run it (docker run --user): what is written by default is in /cache and in the current folder, /work.
RUN useradd --create-home --uid 1000 emma && install -d -m 1777 /cache /work && install -d /data
ENV HOME=/cache \
    HF_HOME=/cache/huggingface \
    EMMA_CACHE=/cache/emma-eval \
    OMP_WAIT_POLICY=passive \
    PYTHONUNBUFFERED=1
WORKDIR /work
VOLUME ["/data", "/cache"]
USER 1000
ENTRYPOINT ["emma-eval"]

FROM base AS cuda
# Triton compiles a small launcher for its kernels with the system's C compiler.
USER 0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000

FROM base AS cpu
