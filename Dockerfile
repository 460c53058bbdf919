# syntax=docker/dockerfile:1
# One image for the controller and for the pods that it makes: docker build -t pointsman:0.1.0 .
# The base is pinned by its tag; to pin the bytes as well, append @sha256:… (docker buildx imagetools inspect python:3.11.14-slim-trixie).
ARG BASE=python:3.11.14-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
RUN python -m venv /opt/pointsman
COPY pyproject.toml README.md LICENSE ./
COPY events events
COPY eventsource eventsource
COPY eventbus eventbus
COPY sensor sensor
COPY manifests manifests
COPY examples examples
# Compiled here: nothing can be written where it runs. Its own pip is of no use there.
RUN /opt/pointsman/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
 && /opt/pointsman/bin/pip install --no-cache-dir --compile /dist/*.whl \
 && /opt/pointsman/bin/pip uninstall --yes setuptools pip

FROM ${BASE}
LABEL org.opencontainers.image.title="Pointsman" \
      org.opencontainers.image.description="Git servers say what happened; Pointsman starts the right Argo Workflow, once, and can tell why." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/pointsman/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/pointsman /opt/pointsman
WORKDIR /tmp
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["pointsman"]
CMD ["--help"]
