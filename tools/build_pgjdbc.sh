#!/usr/bin/env bash
# Compile pgjdbc and its tests with Debian's JUnit, for tools/run_driver_suites.py.
#
# Usage: tools/build_pgjdbc.sh DIR, where DIR/pgjdbc is a checkout of github.com/pgjdbc/pgjdbc (42.7.7:
# later ones need a JUnit that Debian 12 has not), DIR/scram of github.com/ongres/scram (3.1), and
# DIR/stringprep of github.com/ongres/stringprep. What the tests need beyond that is in Debian's
# packages junit5, junit4, libhamcrest-java and libchecker-framework-java; the few tests that need
# what is nowhere in Debian are left out.
set -euo pipefail
cd "$1"

jars=/usr/share/java
built=pgjdbc/built
left_out='/osgi/|OidValuesCorrectness|PgPassParserTest|PgServiceConfParserTest|OSUtilTest|StubEnvironment'
left_out+='|/sspi/|DriverTest|DriverSupportsClassUnloading'
version=$(sed -n 's/^pgjdbc.version=//p' pgjdbc/gradle.properties)
rm -rf $built
mkdir -p $built/{sources,classes,tests}

# What the build of each would fetch or make.
annotations=$built/sources/org/jetbrains/annotations
mkdir -p $annotations $built/sources/org/postgresql/util $built/sources/org/hamcrest/junit
for name in NotNull Nullable Unmodifiable; do
    places='ElementType.TYPE_USE'
    if [ $name = Unmodifiable ]; then places+=', ElementType.METHOD, ElementType.FIELD'; fi
    printf 'package org.jetbrains.annotations;\nimport java.lang.annotation.*;\n@Target({%s}) public @interface %s {}\n' \
        "$places" $name >$annotations/$name.java
done
cat >$built/sources/org/hamcrest/junit/MatcherAssume.java <<'JAVA'
package org.hamcrest.junit;

public class MatcherAssume {
  public static <T> void assumeThat(T actual, org.hamcrest.Matcher<? super T> matcher) {
    if (!matcher.matches(actual)) throw new org.opentest4j.TestAbortedException();
  }
}
JAVA
sed "s|/\*\$version\$\*/|$version|; s|/\*\$jdbc.specification.version\$\*/|4.2|" \
    pgjdbc/pgjdbc/src/main/version/org/postgresql/util/DriverInfo.java \
    >$built/sources/org/postgresql/util/DriverInfo.java

path=$(printf "$jars/%s.jar:" checker-qual hamcrest opentest4j apiguardian-api junit4 \
    junit-jupiter-{api,params,engine} junit-platform-{commons,engine,launcher,suite-api})
compile() { # TO SOURCE…: compile every source in a directory
    local to=$1
    shift
    find "$@" -name '*.java' | grep -vE "java9|module-info|/SSPIClient|NTDSAPI|$left_out" >$built/files
    javac -nowarn -proc:none -Xlint:none -d "$to" -cp "$path$built/classes" "@$built/files"
}
left_out_of_tests=$left_out
left_out=/osgi/
compile $built/classes {stringprep/{stringprep,saslprep},scram/scram-{client,common},pgjdbc/pgjdbc}/src/main/java $built/sources
left_out=$left_out_of_tests
cp -r pgjdbc/pgjdbc/src/main/resources/. $built/classes
compile $built/tests pgjdbc/pgjdbc/src/{test,testFixtures}/java
if [ -d pgjdbc/pgjdbc/src/test/resources ]; then cp -r pgjdbc/pgjdbc/src/test/resources/. $built/tests; fi
