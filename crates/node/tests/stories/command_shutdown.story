# The end waits until the command has given it back, but not for ever.
config addresses={eip={interface=eth0 held=[] proof-age=500ms way=command{}}}

at 0ms startup left=[] handed-over=false
       > run address=eip nr=1 job=up
       > changed address=eip from=initialize to=backup priority=100 why="its command to fetch it is running"
at 50ms ran address=eip nr=1 end=done
       > changed address=eip from=backup to=active priority=100 why="nothing forbids it to be here"
at 1000ms shutdown
       > run address=eip nr=2 job=down
       > changed address=eip from=active to=initialize priority=100 why=stopped
at 2000ms ran address=eip nr=2 end=failed("the API answered 503")
       > tell address=eip is-bad=true text="the command to give it back failed (1 in a row): the API answered 503. It is run again after a pause."
until 3000ms
  at 3000ms wake
         > run address=eip nr=3 job=down
at 3100ms ran address=eip nr=3 end=failed("the API answered 503")
       > tell address=eip is-bad=true text="the command to give it back failed (2 in a row): the API answered 503. It is run again after a pause."
until 5200ms
  at 5100ms wake
         > run address=eip nr=4 job=down
at 5300ms ran address=eip nr=4 end=failed("the API answered 503")
       > tell address=eip is-bad=true text="the command to give it back failed (3 in a row): the API answered 503. It is run again after a pause."
until 9400ms
  at 9300ms wake
         > run address=eip nr=5 job=down
at 9500ms ran address=eip nr=5 end=failed("the API answered 503")
       > tell address=eip is-bad=true text="the command to give it back failed (4 in a row): the API answered 503. It is run again after a pause."
       > tell address=eip is-bad=true text="the command to give it back has failed too often, last with: the API answered 503. See where it is."
       > ended
until 90000ms
