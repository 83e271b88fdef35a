#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The drydock authors
#
# The command line of AWS's local agent for CodeBuild, carried out by the drydock that lies beside this script. What each
# letter does there and here: docs/coming-from-aws-local.md.
set -u
# Traced, the lines that handle credentials would print them.
{ set +x; } 2>/dev/null

usage() {
    cat <<'END'
usage: codebuild_build.sh -i IMAGE -a DIRECTORY [options]
Required:
  -i IMAGE      The build's root file system: an image that `drydock image ls` shows, `host`, or `dir:PATH`.
                Any other name is built on this machine's own programs, with a note.
  -a DIRECTORY  Where the artifacts go, as artifacts.zip.
Options:
  -s DIRECTORY  The primary source; the current directory by default.
  -s ID:DIRECTORY
                From the second -s on: a secondary source. ID is of letters, digits and `_`, fewer than 128 of them.
  -b FILE       A buildspec instead of the source's buildspec.yml.
  -e FILE       Variables, a NAME=VALUE a line; quotes are part of the value; lines that begin with # are ignored.
  -c            Give the build the caller's AWS_* variables and the keys of the caller's AWS profile.
  -p PROFILE    With -c: the profile.
  -m            Let the build write into the source directory itself.
  -h            This text.
Taken and without effect here: -r DIRECTORY (reports), -l IMAGE (the agent's image), -d (Docker's privileged mode).
END
}

note() { printf 'codebuild_build.sh: note: %s\n' "$1" >&2; }

fail() { # CODE MESSAGE
    printf 'codebuild_build.sh: error: %s\n' "$2" >&2
    exit "$1"
}

wrong_use() {
    printf 'codebuild_build.sh: error: %s\n' "$@" >&2
    usage >&2
    exit 2
}

# AWS's rule: what is not absolute stands below the caller's directory, wherever the source is.
absolute() {
    case $1 in
        /*) REPLY=$1 ;;
        *) REPLY=$PWD/${1#./} ;;
    esac
}

image='' artifacts='' reports='' agent_image='' buildspec='' environment_file='' profile=''
gives_credentials=no mounts=no is_privileged=no
sources=()
while getopts ':cmdi:a:r:s:b:e:l:p:h' letter; do
    case $letter in
        i) image=$OPTARG ;;
        a) artifacts=$OPTARG ;;
        r) reports=$OPTARG ;;
        s) sources+=("$OPTARG") ;;
        b) buildspec=$OPTARG ;;
        e) environment_file=$OPTARG ;;
        l) agent_image=$OPTARG ;;
        p) profile=$OPTARG ;;
        c) gives_credentials=yes ;;
        m) mounts=yes ;;
        d) is_privileged=yes ;;
        h) usage; exit 0 ;;
        :) wrong_use "Missing option argument for -$OPTARG" ;;
        *) wrong_use "Unknown option: -$OPTARG" ;;
    esac
done
shift $((OPTIND - 1))
[ $# = 0 ] || wrong_use "Unexpected argument: $1"
missing=()
[ -n "$image" ] || missing+=('The image name flag (-i) must be included for a build to run')
[ -n "$artifacts" ] || missing+=('The artifact directory (-a) must be included for a build to run')
[ ${#missing[@]} = 0 ] || wrong_use "${missing[@]}"

# A name may end in a line break, which a command substitution would take away.
own=$(readlink -f -- "${BASH_SOURCE[0]}" && printf x)
own=${own%?x}
drydock=${own%/*}/drydock
[ -x "$drydock" ] || drydock=$(command -v drydock) || fail 125 'drydock is neither beside this script nor on PATH'

# AWS's script keeps nothing of a failed build that could be gone on with.
words=(run --progress=plain --project=local --no-keep)

# A repository of Docker's has no capitals: such a word is a slip of the pen, and no image that somebody has elsewhere.
repository=${image##*/} repository=${repository%%[:@]*}
case $image in
    host | dir:?*) words+=("--image=$image") ;;
    dir:) wrong_use 'The image dir: names no directory' ;;
    -*) wrong_use "An image's name cannot begin with a dash: $image" ;;
    *)
        if "$drydock" image inspect "$image" >/dev/null 2>&1; then
            words+=("--image=$image")
        elif [[ $repository =~ [[:upper:]] ]]; then
            wrong_use "There is no such image: $image"
        else
            note "there is no local image \`$image\`: the build runs on this machine's own programs, copy-on-write; other \
versions than in that image may be there, or none"
        fi
        ;;
esac

is_secret() { # NAME
    case $1 in
        *KEY* | *SECRET* | *TOKEN* | *PASSWORD* | *CREDENTIAL*) return 0 ;;
        *) return 1 ;;
    esac
}

# The AWS_* variables of the file of -e, by name, as drydock reads them.
declare -A of_file=()
read_environment_file() {
    local line
    [ -f "$environment_file" ] && [ -r "$environment_file" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line#$'\xEF\xBB\xBF'}
        if [[ ${line%$'\r'} =~ ^[[:blank:]]*(AWS_[A-Za-z0-9_]*)=(.*)$ ]]; then
            of_file[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
        fi
    done <"$environment_file"
}

absolute "$artifacts"
words+=("--artifacts=$REPLY")

absolute "${sources[0]:-.}"
[ -n "${sources[0]:-}" ] || REPLY=$PWD
source=$REPLY
words+=("--source=$source")
for secondary in "${sources[@]:1}"; do
    identifier=${secondary%%:*}
    if [[ $secondary != *:?* || ! $identifier =~ ^[A-Za-z0-9_]{1,127}$ ]]; then
        wrong_use "From the second -s on a source is written identifier:directory: $secondary"
    fi
    absolute "${secondary#*:}"
    words+=("--source=$identifier:$REPLY")
done

if [ -n "$buildspec" ]; then
    # Older scripts of AWS's looked below the source.
    absolute "$buildspec"
    if [ ! -e "$REPLY" ]; then
        [ -e "$source/$buildspec" ] || {
            places="\`$REPLY\`"
            [ "${source%/.}" = "$PWD" ] || [[ $buildspec == /* ]] || places+=", nor \`$source/$buildspec\`"
            fail 2 "There is no buildspec $places"
        }
        REPLY=$source/$buildspec
    fi
    words+=("--buildspec=$REPLY")
fi

if [ -n "$environment_file" ]; then
    absolute "$environment_file"
    environment_file=$REPLY
    words+=("--env-file=$environment_file" --env-file-format=literal)
    read_environment_file
fi

[ $mounts = no ] || words+=(--mount-source)

[ -z "$agent_image" ] || note '-l has no effect: there is no agent in an image, drydock is the agent'
[ $is_privileged = no ] || note '-d has no effect: there is no Docker in the build, and no privileged mode'
[ -z "$reports" ] || note '-r has no effect: test reports are not collected yet'

# MARK: Credentials. Values travel in the environment, never in words that `ps` shows, and drydock masks the secret ones.

# One value of a file of the AWS CLI's; empty where there is none.
setting() { # FILE SECTION KEY
    [ -f "$1" ] && [ -r "$1" ] || return 0
    section=$2 key=$3 awk '
        /^[ \t]*[#;]/ { next }
        /^\[/ {
            sub(/^\[[ \t]*/, ""); sub(/[ \t]*\].*$/, ""); gsub(/"/, "")
            sub(/^profile[ \t]+/, "profile ")
            found = $0 == ENVIRON["section"]
            next
        }
        found && /=/ {
            name = $0; sub(/[ \t]*=.*$/, "", name)
            if (name == ENVIRON["key"]) {
                sub(/^[^=]*=[ \t]*/, ""); sub(/[ \t]+[#;].*$/, ""); sub(/[ \t\r]+$/, "")
                print
                exit
            }
        }' <"$1"
}

# Keys that the AWS CLI makes itself: single sign-on, roles, programs. A here-document could put them on a disk.
ask_cli() { # PROFILE CONFIGURATION
    local line said
    [ -f "$2" ] && command -v aws >/dev/null || return 1
    said=$(aws configure export-credentials --profile "$1" --format env-no-export </dev/null 2>&1)
    while IFS= read -r line; do
        case $line in
            AWS_ACCESS_KEY_ID=* | AWS_SECRET_ACCESS_KEY=* | AWS_SESSION_TOKEN=*) export "${line?}" ;;
            # Version 1 has no such command, and answers with all that it has.
            usage:*) break ;;
            ?*) [[ $line == AWS_* ]] || printf 'codebuild_build.sh: aws: %s\n' "$line" >&2 ;;
        esac
    done < <(printf '%s\n' "$said")
    [ -n "${AWS_ACCESS_KEY_ID:-}" ]
}

read_profile() { # PROFILE IS_REQUIRED
    local credentials configuration section=$1 value region
    credentials=${AWS_SHARED_CREDENTIALS_FILE:-${HOME:-}/.aws/credentials}
    configuration=${AWS_CONFIG_FILE:-${HOME:-}/.aws/config}
    [ "$1" = default ] || section="profile $1"
    if [ "$2" = yes ] || [ -z "${AWS_ACCESS_KEY_ID:-}" ]; then
        unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN
        for name in aws_access_key_id aws_secret_access_key aws_session_token; do
            value=$(setting "$credentials" "$1" $name)
            [ -n "$value" ] || value=$(setting "$configuration" "$section" $name)
            [ -z "$value" ] || export "${name^^}=$value"
        done
        if [ -z "${AWS_ACCESS_KEY_ID:-}" ] && ! ask_cli "$1" "$configuration"; then
            [ "$2" = no ] || fail 3 "no keys of the profile \`$1\` are to be had: neither in its files nor from the AWS CLI"
            note "-c finds no keys: none in the environment, none of the profile \`$1\`"
        fi
    fi
    region=$(setting "$configuration" "$section" region)
    # Both are read, each by other tools; they have to agree, with the file of -e too.
    if [ -n "${of_file[AWS_REGION]:-${of_file[AWS_DEFAULT_REGION]:-}}" ]; then
        region=${of_file[AWS_REGION]:-${of_file[AWS_DEFAULT_REGION]}}
        export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
        return
    fi
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$region}}
    [ -z "$region" ] || export AWS_REGION="$region" AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-$region}"
}

if [ $gives_credentials = yes ]; then
    if [ -n "$profile" ]; then
        read_profile "$profile" yes
    else
        read_profile "${AWS_PROFILE:-${AWS_DEFAULT_PROFILE:-default}}" no
    fi
    for name in "${!AWS_@}"; do
        # What the build was written a file for counts.
        [ -n "${!name}" ] || continue
        [ -z "${of_file[$name]+set}" ] || continue
        case $name in
            # They name what only this machine has.
            AWS_PROFILE | AWS_DEFAULT_PROFILE | AWS_*_FILE) ;;
            *) if is_secret "$name"; then words+=("--secret=$name"); else words+=("--env=$name"); fi ;;
        esac
    done
elif [ -n "$profile" ]; then
    note '-p has no effect without -c'
fi

# What the file of -e has is in the build already; drydock is told which of it are secrets.
for name in "${!of_file[@]}"; do
    is_secret "$name" && [ -n "${of_file[$name]}" ] || continue
    export "$name=${of_file[$name]}"
    words+=("--secret=$name")
done

printf 'Build Command:\n\n%s\n\n' "$(printf ' %q' "$drydock" "${words[@]}" | sed 's/^ //')"
exec "$drydock" "${words[@]}"
