# riven-node-<db>:<suite>: one database on the shared base. docker/<db>/setup.sh, where there is one, ends the installation.
ARG BASE
FROM ${BASE}
ARG PACKAGES
COPY . /usr/local/share/riven/
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${PACKAGES} \
 && if [ -e /usr/local/share/riven/setup.sh ]; then sh -eu /usr/local/share/riven/setup.sh; fi \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
