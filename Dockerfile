# syntax-free on purpose: any builder that knows multi-stage builds will do. Build with, for instance:
#   docker build --build-arg BASE=python:3.11-slim-bookworm -t yunju .
#   docker build --target verifier -t yunju-verifier .        (targets: verifier, issuer, worker; without one, all)
# BASE is any image with Python 3.11 or later; a Debian one with python3 and python3-venv will do.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/core.txt requirements/postgres.txt requirements/setup.txt requirements/
RUN python3 -m venv /opt/yunju \
 && /opt/yunju/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/core.txt -r requirements/postgres.txt \
 && python3 -m venv /opt/setup \
 && /opt/setup/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/setup.txt
COPY package.json package-lock.json .npmrc ./
COPY tools/assets.py tools/
RUN PATH=/opt/setup/bin:$PATH npm ci --omit=dev --ignore-scripts \
 && python3 tools/assets.py \
 && rm -rf node_modules
COPY . .
# The image needs no installer: what cannot install anything cannot be made to.
RUN /opt/yunju/bin/python -m compileall -q accounts audit cards doctor edge hooks issuer keys ledger ops verifier web wsgi.py \
 && rm -rf requirements/setup.txt tools tests package.json package-lock.json .npmrc \
 && /opt/yunju/bin/python -m pip uninstall -q -y setuptools pip

# A verifier's machine has no line of the code that issues cards: it cannot be made to.
FROM build AS build-verifier
RUN rm -rf issuer web/apply web/office web/surfaces/issuer.py web/demo.py web/seeding*.py \
    web/templates/apply web/templates/office

FROM ${BASE} AS base
RUN groupadd --system --gid 10001 yunju \
 && useradd --system --uid 10001 --gid yunju --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin yunju \
 && install -d -o yunju -g yunju -m 0700 /data \
 && install -d -o yunju -g yunju -m 0755 /published
COPY --from=build /opt/yunju /opt/yunju
WORKDIR /srv/yunju
ENV PATH=/opt/yunju/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    YUNJU_VAR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000", "wsgi:application"]

# --target verifier: counters, phones, auditors; also their background work, with `python -m ops work` as the command.
FROM base AS verifier
COPY --from=build-verifier /build /srv/yunju
ENV YUNJU_SURFACES=verifier,counter,wallet,audit

# --target issuer: the office and the card keys.
FROM base AS issuer
COPY --from=build /build /srv/yunju
ENV YUNJU_SURFACES=issuer,office

# --target worker: the background work of all surfaces.
FROM base AS worker
COPY --from=build /build /srv/yunju
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "ops", "work", "--status"]
CMD ["python", "-m", "ops", "work"]

# Without --target: all of it in one image.
FROM base AS all
COPY --from=build /build /srv/yunju
