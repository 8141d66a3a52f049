"""A live look at one generator: sliders in a local web page (`forensics explore`) or in a notebook (`widget`).

settings.py     what one picture is made of, checked: every number a page, a recipe or a notebook can ask for
walk_path.py    where a walk through W has come to
explorer.py     Explorer: settings to a picture, its w and its radius
recipe.py       a picture's settings with hashes and versions, and the same picture made again from them
probe.py        what the detector and the face finder measure on a picture, when asked
guard.py        who may ask the server, and how much: host, token, origin, size
job_thread.py   one thread for the network, and of requests that wait only the newest
api.py          what each request of the page gets; page/ are the static files
server.py       the HTTP server
run.py          the command
speed.py        how many pictures a second the page gets
widget.py       the notebook

The room stands at the end of the flow, above the examiner's: it reads generators and detectors, and nothing reads it.
"""
