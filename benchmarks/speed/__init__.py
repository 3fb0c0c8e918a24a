"""The data plane's table: what jobs take, beside the peers, on this machine alone.

contest     who runs, in turn, within which limit
catalog     which contests there are
inputs      their files, from seeds
answers     whether results are equal
report      outcomes as rows, kept one by one, so that a run can go on where it stopped
"""
