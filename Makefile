# make                 builds build/ngx_http_fn_module.so for Debian's nginx
# make NGINX=DIR       the same for the nginx source tree DIR
# make run             serves the demo on 127.0.0.1:8080
#                      (PORT=, WORKERS= change it)
# make test            runs every test (TEST_NGINX_LIB=DIR: t/ under the real
#                      Test::Nginx whose lib is DIR)
# make bench           measures ours and its peers side by side
# make install         for Debian's nginx, the runtimes into PREFIX
# make clean           removes what was built

SHELL := /bin/bash

NGINX ?= /usr/share/nginx/src
PORT ?= 8080
WORKERS ?= 1

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror

build := $(CURDIR)/build
module := $(build)/ngx_http_fn_module.so
sources := ngx_http_fn_module.c $(wildcard src/*.[ch]) runtimes/c/fn.h
demo := $(patsubst runtimes/c/demo/%.c,$(build)/demo/%.so,\
	$(wildcard runtimes/c/demo/*.c))

# where nginx finds the runtimes: what is built and what is not, side by side
FN_RUNTIMES ?= $(build)/runtimes

# runtimes that need no build are links to the source
links := $(addprefix $(build)/runtimes/,python nodejs golang ruby)

# what is compiled for a language is, where its compiler is found
gson := /usr/share/java/gson.jar
compiled := $(if $(and $(shell command -v javac),$(wildcard $(gson))),\
	$(build)/runtimes/java/fn_java.jar) $(if $(shell command -v dotnet),\
	$(build)/runtimes/dotnetcore/fn_dotnet.dll)

# and CPython for the worker, where its headers are

PYTHON_CONFIG ?= /usr/bin/python3-config
compiled += $(if $(wildcard $(PYTHON_CONFIG)),\
	$(build)/runtimes/embed/fn_python.so)

# likewise PyPy

pypy_headers := $(lastword $(wildcard /usr/include/pypy3.*))
compiled += $(if $(and $(shell command -v pypy3),$(pypy_headers)),\
	$(build)/runtimes/embed/fn_pypy.so)

all: $(module) $(links) $(build)/runtimes/shell/fn_shell $(compiled) $(demo)

# nginx is configured in a copy: a source tree is never written to.  A tree
# that is not Debian's gets the flags that its binary must have in common.

$(build)/objs/Makefile: config $(wildcard src)
	@rm -rf $(build)/nginx $(build)/objs; mkdir -p $(build)
	@cp -R $(NGINX) $(build)/nginx
	@cd $(build)/nginx; \
	NGX_CONF_FLAGS=(--with-compat --with-debug --with-threads \
	    --with-http_v2_module); \
	if [ -f conf_flags ]; then . ./conf_flags; fi; \
	configure=./configure; \
	if [ ! -x ./configure ]; then configure=auto/configure; fi; \
	FN_RUNTIMES=$(FN_RUNTIMES) $$configure "$${NGX_CONF_FLAGS[@]}" \
	    --with-cc-opt="$(CFLAGS) -fPIC" --with-ld-opt="$(LDFLAGS)" \
	    --builddir=$(build)/objs --add-dynamic-module=$(CURDIR) \
	    > $(build)/configure.log 2>&1 \
	|| { tail -n 20 $(build)/configure.log >&2; exit 1; }

$(module): $(build)/objs/Makefile $(sources)
	@$(MAKE) -s -C $(build)/nginx -f $(build)/objs/Makefile modules
	@cp $(build)/objs/ngx_http_fn_module.so $@.new && mv $@.new $@

$(links):
	@mkdir -p $(@D)
	@ln -sfn $(CURDIR)/runtimes/$(@F) $@

$(build)/runtimes/shell/fn_shell: $(wildcard runtimes/shell/*.[ch])
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -o $@ $(wildcard runtimes/shell/*.c) -ljansson

$(build)/runtimes/embed/fn_python.so: runtimes/c/fn.h \
	$(wildcard runtimes/python/embed/*.[ch])
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -Wno-unused-parameter -fvisibility=hidden -shared \
	    -fPIC $$($(PYTHON_CONFIG) --embed --includes) -o $@ \
	    $(filter %.c,$^) $$($(PYTHON_CONFIG) --embed --ldflags)

$(build)/runtimes/java/fn_java.jar: $(wildcard runtimes/java/fn/*.java) \
	$(wildcard runtimes/java/io/nuclio/*.java) runtimes/java/manifest
	@rm -rf $(build)/java; mkdir -p $(build)/java $(@D)
	javac -XDignore.symbol.file -Xlint:all -encoding UTF-8 -cp $(gson) \
	    -d $(build)/java $(filter %.java,$^)
	jar --create --file $@ --manifest runtimes/java/manifest \
	    --date 2026-01-01T00:00:00Z -C $(build)/java .

$(build)/runtimes/dotnetcore/fn_dotnet.dll: runtimes/dotnetcore/build \
	$(wildcard runtimes/dotnetcore/runtime/*.cs) \
	$(wildcard runtimes/dotnetcore/sdk/*.cs)
	@rm -rf $(@D)
	runtimes/dotnetcore/build $(@D)

$(build)/runtimes/embed/fn_pypy.so: runtimes/c/fn.h \
	$(wildcard runtimes/python/embed/pypy/*)
	@mkdir -p $(@D)
	pypy3 runtimes/python/embed/pypy/build.py $(build)/fn_pypy.c > /dev/null
	$(CC) $(CFLAGS) -shared -fPIC -I runtimes/c -I $(pypy_headers) -o $@ \
	    $(build)/fn_pypy.c -l:lib$(notdir $(pypy_headers))-c.so

$(build)/demo/%.so: runtimes/c/demo/%.c runtimes/c/fn.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARN) -shared -fPIC -I runtimes/c -o $@ $<

# the packages of Debian 12 that a command needs; none is installed twice

need_build := gcc make nginx nginx-dev libjansson-dev libpcre2-dev zlib1g-dev \
	libssl-dev python3 python3-dev
need_test = $(need_build) libtest-base-perl curl nghttp2-client procps \
	socat docker-compose \
	valgrind libgoogle-gson-java pypy3-dev $(languages) \
	$(if $(TEST_NGINX_LIB),libtest-longstring-perl \
	liblist-moreutils-perl libhttp-message-perl)

# a language that is there already, from Debian or not, is not installed

languages = $(shell for tool in pypy3:pypy3 node:nodejs go:golang-go \
	javac:default-jdk-headless ruby:ruby; do \
	    command -v $${tool%:*} > /dev/null || echo $${tool\#*:}; done)

define install
	@missing=(); for p in $(1); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
	    | grep -q 'ok installed' || missing+=($$p); \
	done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	    $$sudo apt-get update -qq && $$sudo env \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends "$${missing[@]}"; \
	fi
endef

run:
	$(call install,$(need_build))
	@$(MAKE) --no-print-directory all
	@PORT=$(PORT) WORKERS=$(WORKERS) runtimes/demo/run $(build)

test:
	$(call install,$(need_test))
	@$(MAKE) --no-print-directory all
	@TEST_NGINX_LIB=$(TEST_NGINX_LIB) t/run $(build)

bench:
	@bench/run

# built anew: the module knows where its runtimes are

PREFIX ?= /usr/share/nginx-fn

to = $(DESTDIR)$(PREFIX)/runtimes

install:
	@$(MAKE) --no-print-directory build=$(build)/install \
	    FN_RUNTIMES=$(PREFIX)/runtimes all
	install -d $(DESTDIR)/usr/lib/nginx/modules $(DESTDIR)/usr/include $(to)
	install -m 644 $(build)/install/ngx_http_fn_module.so \
	    $(DESTDIR)/usr/lib/nginx/modules
	install -m 644 runtimes/c/fn.h $(DESTDIR)/usr/include
	cp -RL $(build)/install/runtimes/. $(to)
	install -d $(to)/c
	install -m 644 runtimes/c/fn.h $(to)/c
	cd $(to) && rm -rf */tests */demo */conformance.* */build \
	    && find . -name __pycache__ -prune -exec rm -rf {} +
	chmod -R u=rwX,go=rX $(to)

clean:
	rm -rf $(build) t/servroot*

.PHONY: all run test bench install clean
